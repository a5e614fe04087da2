"""The demo's second act: scenes of a small sub-district, played by calls of the people in them.

`scenes/` tells each as steps; `people` calls the services, `matter` follows a case, `clock` moves the town's
time when every scene waits for it, `days` reckons dates anew, `act` plays all, `show` draws. What is said of
the scenes is in `texts/`, a file per language.
"""
