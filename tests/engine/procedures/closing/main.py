"""Closes its streams, starts a process that holds them, forks a copy of itself, and a thread that never ends."""

import os
import subprocess
import sys
import threading
import time

import openhtf as htf


def misbehaves(test):
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    child = os.fork()
    if child == 0:
        print("printed in a fork")
        test.logger.info("logged in a fork")
        os._exit(0)
    os.waitpid(child, 0)
    os.close(1)
    sys.stdout.close()
    threading.Thread(target=time.sleep, args=(0.3,)).start()


htf.Test(misbehaves).execute()
