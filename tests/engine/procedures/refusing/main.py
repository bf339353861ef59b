import sys

import openhtf as htf

if htf:
    sys.exit("no licence for this bench")
