#include "pairs.h"

#if defined(__ARM_FEATURE_DSP) && !defined(VIGIL_PORTABLE_KERNELS)

namespace {

// For the assembler: the chain's length in blocks and a block's bytes, checked below.
static_assert(vigil::compiled::dsp::kChainBlocks == 9 && vigil::compiled::dsp::kBlockBytes == 92);

}  // namespace

// Eight inputs: 8 + 4 SMLAD, 8 SXTAB16 and 3 LDM for 32 products. A word of weights is used twice:
// whole, as two lanes of 256 a + b, and its bytes 0 and 2 (b) added to the neighbour's input.
__attribute__((naked, noinline, used)) void vigil_pairs_chain() {
    asm volatile(
        ".macro vigil_pair s, b\n"
        "ldmia.w r0!, {r10, r11, r12, lr}\n"
        "smlad \\s, r10, r6, \\s\n"
        "smlad \\s, r11, r7, \\s\n"
        "smlad \\s, r12, r8, \\s\n"
        "smlad \\s, lr, r9, \\s\n"
        "sxtab16 r10, r7, r10\n"
        "sxtab16 r11, r6, r11\n"
        "sxtab16 r12, r9, r12\n"
        "sxtab16 lr, r8, lr\n"
        "smlad \\b, r10, r11, \\b\n"
        "smlad \\b, r12, lr, \\b\n"
        ".endm\n"
        "3:\n"
        ".rept 9\n"
        "ldmia.w r1!, {r6-r9}\n"
        "vigil_pair r2, r4\n"
        "vigil_pair r3, r5\n"
        ".endr\n"
        ".if . - 3b != 9 * 92\n"
        ".error \"blocks of another size than kBlockBytes\"\n"
        ".endif\n"
        "ldr.w pc, [sp, #40]\n"

        ".global vigil_pairs_again\n"
        ".thumb_func\n"
        "vigil_pairs_again:\n"
        "ldr.w lr, [sp, #44]\n"
        "cmp r1, lr\n"
        "bne.w 3b\n"
        "ldr.w pc, [sp, #48]\n"

        ".global vigil_pairs_half\n"
        ".thumb_func\n"
        "vigil_pairs_half:\n"
        "ldmia.w r1!, {r6, r7}\n"
        "ldmia.w r0!, {r10, r11, r12, lr}\n"
        "smlad r2, r10, r6, r2\n"
        "smlad r2, r11, r7, r2\n"
        "sxtab16 r10, r7, r10\n"
        "sxtab16 r11, r6, r11\n"
        "smlad r4, r10, r11, r4\n"
        "smlad r3, r12, r6, r3\n"
        "smlad r3, lr, r7, r3\n"
        "sxtab16 r12, r7, r12\n"
        "sxtab16 lr, r6, lr\n"
        "smlad r5, r12, lr, r5\n"
        "ldr.w pc, [sp, #52]\n"
        ".purgem vigil_pair\n");
}

#endif
