// The variable is not in the header: an inline variable there would add padding to the image.
#include <cstdint>

namespace emulated {

extern volatile std::uint32_t clock_wraps;  // cmsdk_timers.h
volatile std::uint32_t clock_wraps = 0;

}  // namespace emulated
