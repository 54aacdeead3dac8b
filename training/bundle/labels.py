"""Labels of frames and windows: in data sets, in golden.npz, in events and in recordings."""

NORMAL = 0
ABNORMAL = 1
UNKNOWN = -1
