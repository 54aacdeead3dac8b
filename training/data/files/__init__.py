"""Read the file of a sensor, in any of the formats of `formats/`, into channels with meaning.

The steps, each in its own module:

    text, cells, dialect      bytes to lines, and how their cells are written
    formats/                  one reader per format; each returns a `Sheet` of named columns
    clock                     the column of time: rate, gaps, repeated stamps
    roles, labels, rows       which columns are channels, and which rows are abnormal
    quality, resample         missing values, stuck and clipped stretches; equal times
    table                     all of these in order: a `Table`
    counts                    gain and offset for int16, limited values
    gaps                      a table as a stream, with missing frames at its cuts
"""
