import no_such_library  # noqa: F401 - that is the point
import openhtf as htf

htf.Test().execute()
