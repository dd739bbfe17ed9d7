# docker build -t taskworker-classifyimage .
# docker run --read-only --cap-drop ALL --security-opt no-new-privileges \
#     -e taskbridgeurl=http://HOST:42000/ -e worker=NAME taskworker-classifyimage
#
# The release workflow passes BASE with the digest of the day, and attaches it to the release.
ARG BASE=python:3.13-slim

FROM ${BASE} AS build
WORKDIR /build
COPY requirements.lock pyproject.toml README.md LICENSE ./
COPY src src
# flit_core builds the package and is part of nothing that runs.
RUN python -m venv --without-pip /app \
    && pip --python /app/bin/python install --no-cache-dir --no-deps --require-hashes \
        --only-binary :all: --requirement requirements.lock \
    && pip --python /app/bin/python install --no-cache-dir --no-deps --no-build-isolation . \
    && pip --python /app/bin/python uninstall --yes flit_core

FROM ${BASE}
ARG BASE
ARG VERSION=
ARG REVISION=
LABEL org.opencontainers.image.title="taskworker-classifyimage" \
    org.opencontainers.image.description="A TaskBridge worker that classifies pictures into the 1000 classes of ILSVRC2012" \
    org.opencontainers.image.licenses="MIT AND Apache-2.0" \
    org.opencontainers.image.source="https://github.com/hilderonny/taskworker-classifyimage" \
    org.opencontainers.image.documentation="https://github.com/hilderonny/taskworker-classifyimage/blob/main/docs/install.md" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}" \
    org.opencontainers.image.base.name="${BASE}"
# Nothing is installed in a running container, so what installs packages goes. Volumes take their
# owner from these folders.
RUN python -m pip uninstall --yes --root-user-action ignore pip setuptools wheel \
    && rm -rf "$(python -c 'import ensurepip; print(*ensurepip.__path__)')" \
    && mkdir /data /state \
    && chown 65532:65532 /data /state
COPY --from=build /app /app
COPY deploy/healthcheck.py /app/healthcheck.py
# Any user will do: besides /data, where a bridge can keep its tasks, and /state, where results wait
# for a bridge, nothing is written, and the worker runs without both.
USER 65532:65532
# /dev/shm is writable in a read-only container too, and new in each start of it.
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 STATE_DIRECTORY=/state \
    TASKWORKER_HEARTBEAT=/dev/shm/taskworker-classifyimage-heartbeat
EXPOSE 42000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=10s --start-period=60s \
    CMD ["/app/bin/python", "/app/healthcheck.py"]
ENTRYPOINT ["/app/bin/python", "-m", "taskworker_classifyimage"]
CMD ["work"]
