// Functions that all boards share.
#include "board.h"

namespace vigil::board {

const char* describe(Cache cache) {
    switch (cache) {
        case Cache::none:
            return "absent";
        case Cache::off:
            return "off";
        case Cache::on:
            return "on";
        case Cache::unknown:
            return "unknown";
    }
    return "?";
}

#if defined(__arm__)
// Application Interrupt and Reset Control Register, key and SYSRESETREQ: Armv6-M B3.2.6, Armv7-M
// B3.2.6, Armv8-M D1.2.3.
void reboot() {
    asm volatile("dsb" ::: "memory");
    *reinterpret_cast<volatile std::uint32_t*>(0xE000ED0CU) = 0x05FA0004U;
    for (;;) {
    }
}
#endif

}  // namespace vigil::board
