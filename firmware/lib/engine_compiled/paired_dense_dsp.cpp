#include "paired_dense.h"

#if defined(VIGIL_DSP)

// Eight inputs take 8 + 4 SMLAD, 8 SXTAB16 and 3 LDM for 32 products. A word of weights is used
// twice: whole, as two lanes of 256 a + b; and its bytes 0 and 2 (b), added to the neighbours.
static_assert(vigil::compiled::dsp::kChainBlocks == 9 && vigil::compiled::dsp::kLoopBlocks == 8 &&
                  vigil::compiled::dsp::kBlockBytes == 92,
              "the assembly below has the same numbers");

asm(R"(
    .syntax unified
    .thumb
    .macro vigil_pair s, b
    ldmia.w r0!, {r10, r11, r12, lr}
    smlad \s, r10, r6, \s
    smlad \s, r11, r7, \s
    smlad \s, r12, r8, \s
    smlad \s, lr, r9, \s
    sxtab16 r10, r7, r10
    sxtab16 r11, r6, r11
    sxtab16 r12, r9, r12
    sxtab16 lr, r8, lr
    smlad \b, r10, r11, \b
    smlad \b, r12, lr, \b
    .endm

    .macro vigil_paired_blocks count
    .rept \count
    ldmia.w r1!, {r6-r9}
    vigil_pair r2, r4
    vigil_pair r3, r5
    .endr
    .endm

    .global vigil_paired_chain, vigil_paired_again, vigil_paired_loop, vigil_paired_half
    .type vigil_paired_chain, %object
    .type vigil_paired_again, %object
    .type vigil_paired_loop, %object
    .type vigil_paired_half, %object

    .section .text.vigil_paired_chain, "ax", %progbits
    .balign 4
1:
    ldr.w pc, [sp, #48]
vigil_paired_again:
    bcs.n 1b
    ldr.w lr, [sp, #44]
    cmp r1, lr
vigil_paired_chain:
    vigil_paired_blocks 9
    .if . - vigil_paired_chain != 9 * 92
    .error "the blocks differ in size from kBlockBytes"
    .endif
    ldr.w pc, [sp, #40]
    .size vigil_paired_chain, . - vigil_paired_chain

    .section .text.vigil_paired_loop, "ax", %progbits
    .balign 4
vigil_paired_loop:
    vigil_paired_blocks 8
    .if . - vigil_paired_loop != 8 * 92
    .error "the blocks differ in size from kBlockBytes"
    .endif
    ldr.w lr, [sp, #44]
    cmp r1, lr
    bne.w vigil_paired_loop
    ldr.w pc, [sp, #48]
    .size vigil_paired_loop, . - vigil_paired_loop

    .section .text.vigil_paired_half, "ax", %progbits
    .balign 4
vigil_paired_half:
    ldmia.w r1!, {r6, r7}
    ldmia.w r0!, {r10, r11, r12, lr}
    smlad r2, r10, r6, r2
    smlad r2, r11, r7, r2
    sxtab16 r10, r7, r10
    sxtab16 r11, r6, r11
    smlad r4, r10, r11, r4
    smlad r3, r12, r6, r3
    smlad r3, lr, r7, r3
    sxtab16 r12, r7, r12
    sxtab16 lr, r6, lr
    smlad r5, r12, lr, r5
    ldr.w pc, [sp, #52]
    .size vigil_paired_half, . - vigil_paired_half
    .purgem vigil_pair
    .purgem vigil_paired_blocks
    .text
)");

#endif
