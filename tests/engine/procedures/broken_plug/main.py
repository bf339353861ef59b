import openhtf as htf


class Supply(htf.BasePlug):
    def __init__(self):
        raise ConnectionError("no instrument at TCPIP0::10.0.0.7")


@htf.plug(supply=Supply)
def needs_it(test, supply):
    pass


htf.Test(needs_it).execute()
