// Libraries made for Arduino include this for I2C. The emulated board has no I2C bus, so there is
// nothing to declare: a program that uses one does not compile.
#pragma once
