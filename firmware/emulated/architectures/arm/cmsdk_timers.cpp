// Apart from the header, because a variable of a header costs the image some padding.
#include <cstdint>

namespace emulated {

extern volatile std::uint32_t clock_wraps;  // cmsdk_timers.h
volatile std::uint32_t clock_wraps = 0;

}  // namespace emulated
