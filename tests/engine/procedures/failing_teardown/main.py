import openhtf as htf


class Supply(htf.BasePlug):
    def tearDown(self):
        raise RuntimeError("output still on")


@htf.plug(supply=Supply)
def uses(test, supply):
    pass


htf.Test(uses).execute()
raise SystemExit(3)
