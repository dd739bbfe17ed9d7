# docker build -t taskworker-classifyimage .
# docker run --read-only --cap-drop ALL --security-opt no-new-privileges \
#     -e taskbridgeurl=http://HOST:42000/ -e worker=NAME taskworker-classifyimage
FROM python:3.13-slim AS build
WORKDIR /build
COPY requirements.lock pyproject.toml README.md LICENSE ./
COPY src src
RUN python -m venv /app \
    && /app/bin/pip install --no-cache-dir --no-deps --require-hashes --only-binary :all: \
        --requirement requirements.lock \
    && /app/bin/pip install --no-cache-dir --no-deps --no-build-isolation . \
    && /app/bin/pip uninstall --yes flit_core pip

FROM python:3.13-slim
COPY --from=build /app /app
# Any user will do: nothing is written, the embedded bridge's data apart.
USER 65532:65532
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
STOPSIGNAL SIGTERM
ENTRYPOINT ["/app/bin/python", "-m", "taskworker_classifyimage"]
CMD ["work"]
