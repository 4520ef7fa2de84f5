"""Critical p-values of the usual sequential designs: (boundary, looks) -> (two-sided, one-sided).

Written by `python -m benchmarks.calibration.constants`, from 20 million simulated studies a design: do not
edit. With the constant boundary they are the nominal level of every look, with O'Brien and Fleming's that of
the last one.
"""

LEVELS: dict[tuple[str, tuple[int, ...]], tuple[float, float]] = {
    ("constant", (5, 10)): (0.027926, 0.029078),
    ("constant", (5, 10, 20)): (0.019548, 0.020661),
    ("constant", (5, 10, 15, 20)): (0.016918, 0.018142),
    ("constant", (5, 10, 15, 20, 30)): (0.014020, 0.015138),
    ("constant", (10, 15, 20, 30)): (0.018333, 0.019721),
    ("constant", (10, 20)): (0.028656, 0.029751),
    ("constant", (10, 20, 30)): (0.021294, 0.022563),
    ("constant", (3, 5, 10)): (0.019169, 0.020333),
    ("obrien-fleming", (5, 10)): (0.046689, 0.045086),
    ("obrien-fleming", (5, 10, 20)): (0.047224, 0.045621),
    ("obrien-fleming", (5, 10, 15, 20)): (0.041376, 0.040027),
    ("obrien-fleming", (5, 10, 15, 20, 30)): (0.043111, 0.041295),
    ("obrien-fleming", (10, 15, 20, 30)): (0.043122, 0.041353),
    ("obrien-fleming", (10, 20)): (0.047220, 0.045842),
    ("obrien-fleming", (10, 20, 30)): (0.044231, 0.042842),
    ("obrien-fleming", (3, 5, 10)): (0.046447, 0.044555),
}
