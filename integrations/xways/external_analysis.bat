@echo off
rem X-Ways Forensics starts this with a folder of exported files ("Export Files for Analysis").
setlocal
rem What every run is to have, such as: set "flags=--language de"
set "flags="
set "folder=%~1"
rem A backslash at the end would make a part of the path of the quotation mark.
if "%folder:~-1%"=="\" set "folder=%folder:~0,-1%"
set "python=%~dp0..\..\.venv\Scripts\python.exe"
if not exist "%python%" set "python=python"
"%python%" "%~dp0external_analysis.py" "%folder%" %flags%
set "code=%errorlevel%"
rem X-Ways closes the window before it can be read.
pause
exit /b %code%
