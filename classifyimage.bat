@echo off
rem Runs taskworker-classifyimage work %*; the first start sets up .venv.
setlocal
set "here=%~dp0"
set "venv=%here%.venv"
fc /b "%here%requirements.lock" "%venv%\installed.lock" >nul 2>&1 && goto work

set "python="
for %%p in ("py -3.13" "py -3.12" "py -3.11" "py -3.14" "py -3" "python" "python3") do (
    if not defined python (
        %%~p -c "import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))" >nul 2>&1 && set "python=%%~p"
    )
)
if not defined python (
    echo No Python from 3.11 to 3.14 was found. Install one from python.org and try again. 1>&2
    exit /b 1
)
echo Setting up %venv%, once; this takes a minute or two ... 1>&2
if exist "%venv%" rmdir /s /q "%venv%"
%python% -m venv "%venv%" || exit /b 1
"%venv%\Scripts\python.exe" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary :all: --requirement "%here%requirements.lock" || exit /b 1
"%venv%\Scripts\python.exe" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable "%here%." || exit /b 1
copy /y "%here%requirements.lock" "%venv%\installed.lock" >nul

:work
"%venv%\Scripts\python.exe" -m taskworker_classifyimage work %*
