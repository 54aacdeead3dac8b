"""Read the file of a sensor, in any of the formats of `formats/`, into columns with meaning.

The steps, each in its own module:

    text, dialect, times      bytes to lines, and the way their cells are written
    formats/                  one reader per format; each gives a `Sheet` of named columns
    clock                     the time column: rate, gaps, repeated stamps
    roles, labels             which columns are channels, and which rows are abnormal
    quality                   missing values, stuck and clipped stretches
    counts                    gain and offset for int16, saturation
    table                     all of these in order: a `Table`
"""
