import openhtf as htf
from openhtf.plugs import user_input


@htf.measures(htf.Measurement("colour").equals("blue"))
@htf.plug(prompts=user_input.UserInput)
def look(test, prompts):
    prompts.prompt("Close the lid", image_url="lid.png")
    test.measurements.colour = prompts.prompt("Which colour is the LED?", text_input=True)


@htf.plug(prompts=user_input.UserInput)
def hurry(test, prompts):
    try:
        prompts.prompt("Quick!", timeout_s=0.2)
    except user_input.PromptUnansweredError:
        test.logger.warning("nobody answered")


@htf.plug(prompts=user_input.UserInput)
def impatient(test, prompts):
    prompts.prompt("Quicker!", timeout_s=0.2)


htf.Test(look, hurry, impatient).execute(test_start=user_input.prompt_for_test_start(validator=str.upper))
