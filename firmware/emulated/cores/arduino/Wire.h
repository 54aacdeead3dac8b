// For Arduino libraries that include this header for I2C. The emulated board has no I2C bus, so it
// declares nothing: a program that uses one does not compile.
#pragma once
