#include "paired_dense.h"

#if defined(VIGIL_DSP)

// Eight inputs take 8 + 4 SMLAD, 8 SXTAB16 and 3 LDM for 32 products. A word of weights is used
// twice: whole, as two lanes of 256 a + b; and its bytes 0 and 2 (b), added to the neighbours.
static_assert(vigil::compiled::dsp::kChainBlocks == 9 && vigil::compiled::dsp::kLoopBlocks == 8 &&
                  vigil::compiled::dsp::kBlockBytes == 92 &&
                  vigil::compiled::dsp::kLastPassBytes == 4,
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

    .global vigil_paired_chain, vigil_paired_again, vigil_paired_half
    .global vigil_paired_loop, vigil_paired_once, vigil_paired_zeros
    .type vigil_paired_chain, %object
    .type vigil_paired_again, %object
    .type vigil_paired_loop, %object
    .type vigil_paired_once, %object
    .type vigil_paired_half, %object

    .section .text.vigil_paired_chain, "ax", %progbits
    .balign 4
1:
    ldr.w pc, [sp, #48]
vigil_paired_again:
    bcs.n 1b
    ldr.n r6, [sp, #44]
    cmp r1, r6
vigil_paired_chain:
    vigil_paired_blocks 9
    .if . - vigil_paired_chain != 9 * 92
    .error "the blocks differ in size from kBlockBytes"
    .endif
    ldr.w pc, [sp, #40]
    .size vigil_paired_chain, . - vigil_paired_chain

    .section .text.vigil_paired_loop, "ax", %progbits
    .balign 4
1:
    ldr.n r6, [sp, #44]
    cmp r1, r6
vigil_paired_loop:
    .if . - 1b != 4
    .error "the code that marks the last pass differs in size from kLastPassBytes"
    .endif
    vigil_paired_blocks 8
    .if . - vigil_paired_loop != 8 * 92
    .error "the blocks differ in size from kBlockBytes"
    .endif
    bcc.w 1b
    ldr.w pc, [sp, #48]
    .size vigil_paired_loop, . - vigil_paired_loop

    .section .text.vigil_paired_once, "ax", %progbits
    .balign 2
vigil_paired_once:
    cmp r0, r0
    ldr.w pc, [sp, #40]
    .size vigil_paired_once, . - vigil_paired_once

    .section .text.vigil_paired_half, "ax", %progbits
    .balign 2
vigil_paired_half:
    ldmia r1!, {r6, r7}
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

    .section .text.vigil_paired_zeros, "ax", %progbits
    .balign 4
    .thumb_func
vigil_paired_zeros:
    cbz r6, 3f
    mov r7, r1
    ldmia r6!, {r4}
    add r4, r1
1:
    ldmia.w r1!, {r9-r12}
    orr r9, r9, r10
    orr r11, r11, r12
    orrs r9, r9, r11
    bne.n 2f
    cmp r1, r4
    bne.n 1b
    ldmia r6!, {r7}
    add r7, r3
    adds r4, r6, #0
    adr.w r3, vigil_paired_core + 1
    bx lr
2:
    mov r1, r7
3:
    bx lr
vigil_paired_core:
    ldr.w lr, [sp, #40]
    ldmia.w lr!, {r6-r8}
    str.w lr, [sp, #40]
    add r4, r6
    add r5, r7
    add r0, r8
    ldr.w pc, [sp, #52]
    .size vigil_paired_zeros, . - vigil_paired_zeros
    .purgem vigil_pair
    .purgem vigil_paired_blocks
    .text
)");

#endif
