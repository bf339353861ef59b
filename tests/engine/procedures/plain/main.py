print("no framework")
