// From reset to main(): stack, memories, processor.
#include <cstddef>
#include <cstdint>

#include "emulated.h"
#include "handlers.h"
#include "processor.h"

// Names the board's row in tools/boards/boards.toml, in a section that takes no memory: the
// host reads there which machine to emulate.
asm(".pushsection .vigil.board, \"\", %progbits\n"
    ".asciz \"" EMULATED_BOARD
    "\"\n"
    ".popsection\n");

extern "C" {

extern std::uint32_t __stack_bottom[], __stack_top[];
extern std::uint32_t __data_start[], __data_end[], __data_load[];
extern std::uint32_t __bss_start[], __bss_end[];

void __libc_init_array(void);
int main(void);
// Called by __libc_init_array(); crti.o, which has them, is excluded by -nostartfiles.
void _init(void) {}
void _fini(void) {}
}

namespace {

constexpr std::uint32_t kPaint = 0xA5A5A5A5U;

}  // namespace

// The architecture's vectors lead here, with the stack pointer at the top of the stack.
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
    emulated::prepare_processor();
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
