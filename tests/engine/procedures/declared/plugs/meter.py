class Meter:
    def __init__(self, volts):
        self.volts = volts
        self.calls = 0

    def read(self, scale):
        self.calls += 1
        return self.volts * scale

    def tear_down(self):
        print("meter is off")
