def measure(row):
    pass
