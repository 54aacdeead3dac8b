// From reset to main(): vectors, memories, FPU, memory protection.
#include <cstddef>
#include <cstdint>

#include "emulated.h"
#include "registers.h"

extern "C" {

extern std::uint32_t __stack_bottom[], __stack_top[];
extern std::uint32_t __data_start[], __data_end[], __data_load[];
extern std::uint32_t __bss_start[], __bss_end[];

void __libc_init_array(void);
int main(void);
// Called by __libc_init_array(); crti.o, which has them, is excluded by -nostartfiles.
void _init(void) {}
void _fini(void) {}

[[noreturn]] void Reset_Handler(void);
void Fault_Handler(void);
void Uart0Rx_Handler(void);
void Uart0Tx_Handler(void);
void Timer0_Handler(void);
void Timer1_Handler(void);
void DualTimer_Handler(void);
}

namespace {

constexpr std::uint32_t kPaint = 0xA5A5A5A5U;

// An interrupt or exception without handler is a fault.
using Handler = void (*)();
struct Vectors {
    const void* stack;
    Handler handlers[15 + 32];
};

constexpr Vectors make_vectors() {
    Vectors v{};
    v.stack = __stack_top;
    for (Handler& handler : v.handlers) {
        handler = Fault_Handler;
    }
    v.handlers[0] = Reset_Handler;
    v.handlers[15 + emulated::kUart0RxIrq] = Uart0Rx_Handler;
    v.handlers[15 + emulated::kUart0TxIrq] = Uart0Tx_Handler;
    v.handlers[15 + emulated::kTimer0Irq] = Timer0_Handler;
    v.handlers[15 + emulated::kTimer1Irq] = Timer1_Handler;
    v.handlers[15 + emulated::kDualTimerIrq] = DualTimer_Handler;
    return v;
}

[[gnu::section(".vectors"), gnu::used]] constexpr Vectors kVectors = make_vectors();

// One region of the memory protection unit: base, size 2^log2_size, access and execute rights.
enum class Access : std::uint32_t { none = 0, read_write = 3, read_only = 6 };

void protect(unsigned region, std::uint32_t base, unsigned log2_size, Access access, bool execute) {
    constexpr std::uint32_t kValid = 1U << 4U;
    constexpr std::uint32_t kEnable = 1U;
    emulated::system_register(0xE000ED9CU) = base | kValid | region;
    emulated::system_register(0xE000EDA0U) = (execute ? 0U : 1U << 28U) |
                                             static_cast<std::uint32_t>(access) << 24U |
                                             (log2_size - 1U) << 1U | kEnable;
}

// QEMU's board has 4 MB of writable memory in place of the Nano's 1 MB of flash, and 4 MB in place
// of its 256 KB of SRAM. The regions make a write to flash fault, and any access outside. A later
// region overrides an earlier one.
void protect_memory() {
    protect(0, 0x00000000U, 30, Access::none, false);
    protect(1, 0x00000000U, 20, Access::read_only, true);
    protect(2, 0x20000000U, 18, Access::read_write, false);
    constexpr std::uint32_t kEnable = 1U << 0U;
    constexpr std::uint32_t kBackground = 1U << 2U;  // peripherals stay as they are
    emulated::system_register(0xE000ED94U) = kBackground | kEnable;
    asm volatile("dsb\n isb" ::: "memory");
}

}  // namespace

extern "C" void Reset_Handler(void) {
    // Paint the stack below this frame before the first call.
    const std::uint32_t* const here = static_cast<std::uint32_t*>(__builtin_frame_address(0));
    for (volatile std::uint32_t* p = __stack_bottom; p < here - 32; ++p) {
        *p = kPaint;
    }
    // volatile, so that the compiler does not call memcpy or memset, which use the stack.
    const volatile std::uint32_t* source = __data_load;
    for (volatile std::uint32_t* p = __data_start; p < __data_end; ++p) {
        *p = *source++;
    }
    for (volatile std::uint32_t* p = __bss_start; p < __bss_end; ++p) {
        *p = 0;
    }
    emulated::system_register(0xE000ED88U) |= 0xFU << 20U;  // CPACR: the FPU is on
    emulated::system_register(0xE000ED14U) |= 1U << 4U;     // CCR: division by zero faults
    asm volatile("dsb\n isb" ::: "memory");
    protect_memory();
    __libc_init_array();
    emulated_exit(main());
}

std::size_t emulated_stack_size(void) {
    return static_cast<std::size_t>(__stack_top - __stack_bottom) * sizeof(std::uint32_t);
}

std::size_t emulated_stack_used(void) {
    const volatile std::uint32_t* p = __stack_bottom;
    while (p < __stack_top && *p == kPaint) {
        ++p;
    }
    return static_cast<std::size_t>(__stack_top - p) * sizeof(std::uint32_t);
}
