"""A library for the Arduino IDE, by the rules of its Library Manager."""

from __future__ import annotations

from tools.convert.exports.library import Library

_PROPERTIES = """\
name={prefix}
version={version}
author=Vigil
maintainer=Vigil
sentence={title}.
paragraph=Feed samples, get a score: the model as C++, which computes what training computed.
category=Data Processing
url=https://example.com
architectures=*
includes={prefix}.h
"""

_SKETCH = """\
// Feed samples, get a score: {title}.
#include <{prefix}.h>

const unsigned long kPeriodUs = {period};  // the model's sample rate
unsigned long next_us;

void setup() {{
    Serial.begin(115200);
    Serial.println({prefix}_begin() ? "golden window exact" : "do not trust this build");
    next_us = micros();
}}

void loop() {{
    if ((long)(micros() - next_us) < 0) return;
    next_us += kPeriodUs;
    int16_t counts[{prefix}_channels] = {{}};
    counts[0] = {prefix}_count(0, analogRead(A0));  // your sensor's value{unit}
{others}    const {prefix}_result result = {prefix}_push(counts);
    if (result == {prefix}_more) return;
    Serial.print((long)({prefix}_score() * 1000));  // thousandths: printing a float takes 5 KB
    Serial.println(result == {prefix}_anomaly ? " anomaly" : "");
}}
"""


def files(library: Library) -> dict[str, str]:
    """Texts by path."""
    period = round(1e6 / library.rate_hz) if library.rate_hz else 10_000
    rest = library.channels[1:]
    others = f"    // Likewise from counts[1] on ({', '.join(rest)}).\n" if rest else ""
    values = {
        "prefix": library.prefix,
        "title": library.title,
        "version": library.version,
        "unit": library.unit and f" in {library.unit}",
        "others": others,
        "period": period,
    }
    return {
        "library.properties": _PROPERTIES.format(**values),
        "examples/Score/Score.ino": _SKETCH.format(**values),
        f"src/{library.prefix}.h": library.header,
        **{f"src/{library.prefix}/{name}": text for name, text in _sources(library).items()},
    }


def _sources(library: Library) -> dict[str, str]:
    """Sources one folder below the public header, where no other library's headers are found."""
    public = f'#include "{library.prefix}.h"'
    return {
        name: text.replace(public, f'#include "../{library.prefix}.h"')
        for name, text in library.sources.items()
    }
