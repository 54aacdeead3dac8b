// Internal to the core: the text of a fault's report, on the emulator's standard error and on the
// serial port.
#pragma once

#include <cstdint>

namespace emulated {

void say(const char* text);
void say_register(const char* name, std::uint32_t value);

}  // namespace emulated
