#include "dense_rows.h"

#if defined(VIGIL_THUMB1)

// Three instructions per product: the index is one register for all rows, and the sums are in the
// upper registers, to which only ADD has access.
//   r0 r4 r5 r6 ends of the rows   r2 end of the values   r7 index, from -count up to 0
//   r1 value   r3 weight, then product   r8-r11 sums
asm(R"(
    .syntax unified
    .thumb
    .macro vigil_four_products
    ldrsb r1, [r2, r7]
    ldrsb r3, [r0, r7]
    muls r3, r1, r3
    add r8, r3
    ldrsb r3, [r4, r7]
    muls r3, r1, r3
    add r9, r3
    ldrsb r3, [r5, r7]
    muls r3, r1, r3
    add r10, r3
    ldrsb r3, [r6, r7]
    muls r3, r1, r3
    add r11, r3
    adds r7, #1
    .endm

    .section .text.vigil_add_four_rows, "ax", %progbits
    .global vigil_add_four_rows
    .type vigil_add_four_rows, %function
    .thumb_func
    .balign 4
vigil_add_four_rows:
    push {r4-r7, lr}
    mov r4, r8
    mov r5, r9
    mov r6, r10
    mov r7, r11
    push {r4-r7}
    ldr r4, [sp, #36]
    ldmia r4!, {r5-r7}
    ldr r4, [r4]
    mov r8, r5
    mov r9, r6
    mov r10, r7
    mov r11, r4
    adds r0, r0, r3
    adds r4, r0, r1
    adds r5, r4, r1
    adds r6, r5, r1
    adds r2, r2, r3
    rsbs r7, r3, #0
    lsls r3, r7, #30
    beq 2f
1:
    vigil_four_products
    lsls r3, r7, #30
    bne 1b
    cmp r7, #0
    beq 3f
2:
    vigil_four_products
    vigil_four_products
    vigil_four_products
    vigil_four_products
    bne 2b
3:
    ldr r4, [sp, #36]
    mov r0, r8
    mov r1, r9
    mov r2, r10
    mov r3, r11
    stmia r4!, {r0-r3}
    pop {r4-r7}
    mov r8, r4
    mov r9, r5
    mov r10, r6
    mov r11, r7
    pop {r4-r7, pc}
    .size vigil_add_four_rows, . - vigil_add_four_rows
    .purgem vigil_four_products
    .text
)");

#endif
