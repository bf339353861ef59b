"""The program that runs unattended on a physical test bench. Never imports the portal."""
