"""The station program as a service: it starts with the machine, and is started again when it crashes or hangs.

It is not started again after 0 (somebody stopped it) and 75 (the portal ended it for good): see `station.daemon`.
systemd on Linux, launchd on macOS, each for the person who installs it, or for the whole machine when that is root. On
Windows the program runs in WSL 2, where a scheduled task of the installer (templates/install/install.ps1) does it.
"""
