@echo off
rem Runs taskworker-classifyimage work %*; the first start sets up .venv from this folder alone.
setlocal
set "here=%~dp0"
set "venv=%here%.venv"
rem An environment works only in the folder where it was made.
set "made="
if exist "%venv%\installed" set /p made=<"%venv%\installed"
if "%made%"=="%here%" goto work

rem Windows opens no file whose path has more than 260 characters, unless it is told to.
if "%here:~120,1%"=="" goto find_python
echo The path of this folder is too long for Windows. Move it nearer to the root of the drive: 1>&2
echo "%here%" 1>&2
goto failed

:find_python
set "python="
for %%p in ("py -3.13" "py -3.12" "py -3.11" "py -3.14" "py -3" "python" "python3") do (
    if not defined python (
        %%~p -c "import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))" >nul 2>&1 && set "python=%%~p"
    )
)
if defined python goto make
echo No Python from 3.11 to 3.14 was found. Install one from python.org and try again. 1>&2
goto failed

:make
%python% "%here%verify.py" 1>&2 || goto failed
echo Setting up "%venv%", once; this takes a minute or two ... 1>&2
if exist "%venv%" rmdir /s /q "%venv%"
%python% -m venv "%venv%" || goto failed
"%venv%\Scripts\python.exe" -m pip install --quiet --disable-pip-version-check --no-index --no-deps --find-links "%here%wheels" --require-hashes --requirement "%here%requirements.lock" || goto failed
for %%w in ("%here%taskworker_classifyimage-*.whl") do "%venv%\Scripts\python.exe" -m pip install --quiet --disable-pip-version-check --no-index --no-deps "%%~w" || goto failed
>"%venv%\installed" echo %here%

:work
"%venv%\Scripts\python.exe" -m taskworker_classifyimage work %*
if not errorlevel 1 exit /b 0

:failed
set "code=%errorlevel%"
if "%code%"=="0" set "code=1"
rem A double click runs this file with cmd /c, and its window would close before it can be read.
echo %cmdcmdline% | find /i "%~nx0" >nul && pause
exit /b %code%
