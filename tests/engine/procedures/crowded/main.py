import openhtf as htf


def make(number):
    @htf.PhaseOptions(name=f"step {number} " + "with a long name " * 4)
    def step(test):
        pass

    return step


htf.Test(*[make(number) for number in range(600)]).execute()
