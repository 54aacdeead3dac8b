// The least that a program needs on QEMU's mps2-an386: vectors, FPU, semihosting.
#include <cstdint>
#include <cstdlib>

extern "C" {
extern std::uint32_t stack_top;
void initialise_monitor_handles();
void __libc_init_array();
int main();

[[noreturn]] void reset() {
    *reinterpret_cast<volatile std::uint32_t*>(0xE000ED88) |= 0xFU << 20;  // CPACR: FPU on
    asm volatile("dsb\n isb");
    initialise_monitor_handles();
    __libc_init_array();
    std::exit(main());
}

[[noreturn]] void fault() { std::exit(99); }

// NOLINTNEXTLINE: the name that newlib's crt files call
void _init() {}
void _fini() {}

[[gnu::section(".vectors"), gnu::used]] const void* const vectors[16] = {
    &stack_top,
    reinterpret_cast<const void*>(reset),
    reinterpret_cast<const void*>(fault),
    reinterpret_cast<const void*>(fault),
    reinterpret_cast<const void*>(fault),
    reinterpret_cast<const void*>(fault),
    reinterpret_cast<const void*>(fault),
};
}
