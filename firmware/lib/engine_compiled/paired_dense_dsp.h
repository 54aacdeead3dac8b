// The paired kernel for cores with the DSP extension. docs/engine.md explains the arithmetic;
// paired_dense_portable.h is the same in C++.
//
// The inner loop takes all fourteen registers, so the other values of four rows are on the stack:
//   r0 stream   r1 inputs   r2 r3 S of the two pairs   r4 r5 B   r6-r9 four words of inputs
//   r10 r11 r12 lr four words of weights
//
//   [sp]      inputs, multiplier and rounding of first rows, the inputs' sum of neighbours (shifted
//             as the second rows' t), output, the outputs' sum of neighbours, end of the output,
//             multiplier and rounding of second rows: nine words, which one instruction loads into
//             r1 r6-r12 lr
//   [sp, 36]  address at which to enter the chain or the loop
//   [sp, 40]  chain: address after it; loop: address at which a row of one pass enters it
//   [sp, 44]  inputs at which the last of several passes begins
//   [sp, 48]  address after several passes through the chain, or after the loop
//   [sp, 52]  address after vigil_paired_half
//
// While inputs are left out (Layer::zeros), the inputs begin after them, and
//
//   [sp, 36]  address of vigil_paired_core
//   [sp, 40]  what the next four rows' B lack
//   [sp, 52]  address at which vigil_paired_core enters the loop
#pragma once

#include <cstdint>

#include "paired_dense.h"

extern "C" {
// The inner loop: consecutive blocks of eight inputs each. It is code, declared as bytes so that an
// address within it is a constant. It exits through the addresses on the stack. The carry flag
// marks the last pass; enter with the flag clear.
extern const char vigil_paired_chain[];  // for rows of one pass: one instruction exits
extern const char vigil_paired_again[];  // the chain once more, unless the carry flag is set
extern const char vigil_paired_loop[];   // for rows of several passes: repeats itself
extern const char vigil_paired_once[];   // less than a whole pass of the loop: sets the carry flag
extern const char vigil_paired_half[];   // four inputs more
}

namespace vigil::compiled {
namespace dsp {

constexpr std::uint32_t kChainBlocks = 9;  // 72 inputs
constexpr std::uint32_t kLoopBlocks = 8;   // 64 inputs
constexpr std::uint32_t kBlockBytes = 92;
constexpr std::uint32_t kLastPassBytes = 4;  // before the loop: marks the last pass
constexpr std::uint32_t kInputBytes = 16;    // per block
constexpr std::uint32_t kThumb = 1;          // the lowest bit of an address to jump to

}  // namespace dsp

// The layer's fields in the order in which the kernel loads them, with its path through the chain.
template <const Form& kForm>
struct PairedDense {
    static_assert(kForm.loops || !kForm.skips, "only the loop can skip");

    const char* entry;
    const char* next;
    std::uint32_t input_bytes;  // [sp, 44] minus the address of the inputs
    const void* after_passes;   // with Form::skips, Layer::zeros
    Scale first;
    std::uint32_t output_bytes;
    Scale second;
    const std::uint32_t* stream;
    std::uint32_t outputs;  // offset from sp of the address that the outputs follow

    constexpr explicit PairedDense(const Layer& of)
        : entry((kForm.loops ? vigil_paired_loop : vigil_paired_chain) + dsp::kThumb),
          next(nullptr),
          input_bytes(0),
          after_passes(of.zeros),
          first(of.first),
          output_bytes(of.fours * (kForm.bytes ? 4U : 8U)),
          second(of.second),
          stream(of.stream),
          outputs(40) {
        constexpr std::uint32_t kBlocks = kForm.loops ? dsp::kLoopBlocks : dsp::kChainBlocks;
        const std::uint32_t blocks = of.groups / 2U;
        if (blocks % kBlocks != 0) {
            entry += (kBlocks - blocks % kBlocks) * dsp::kBlockBytes;
        }
        if (blocks > kBlocks) {
            input_bytes = (blocks - kBlocks) * dsp::kInputBytes;
            outputs = 48;
            if (!kForm.loops) {
                next = vigil_paired_again + dsp::kThumb;
            }
        } else if (kForm.loops && blocks == kBlocks) {
            entry -= dsp::kLastPassBytes;
            outputs = 48;
        } else if (kForm.loops && blocks != 0) {
            next = entry;
            entry = vigil_paired_once + dsp::kThumb;
            outputs = 48;
        }
        if (of.groups % 2 != 0) {
            const char* half = vigil_paired_half + dsp::kThumb;
            if (outputs == 48) {
                after_passes = half;
            } else {
                (blocks == 0 ? entry : next) = half;
            }
            outputs = 52;
        }
    }
};

namespace dsp {

// The converter counts these bytes (tools/convert/operators/paired_dense.py).
constexpr Form kAny{};
static_assert(sizeof(PairedDense<kAny>) == 44);

}  // namespace dsp

// Runs one layer. `output` is Wide, of 4 * fours values, or with Form::bytes int8 [4 * fours].
template <const Form& kForm>
__attribute__((noinline)) void paired_dense(const PairedDense<kForm>& paired, const Wide* input,
                                            void* output) {
    register const void* r0 asm("r0") = &paired;
    register const void* r1 asm("r1") = input;
    register void* r2 asm("r2") = output;
    asm volatile(
        "push {r2, r4-r11, lr}\n"
        "ldmia r1!, {r7}\n"
        "ldmia r0!, {r3-r6}\n"
        "adds r5, r1\n"  // clears the carry flag, as no address overflows
        "lsl r8, r7, #%c[left]\n"
        ".if %c[skips]\n"
        "bl vigil_paired_zeros\n"
        ".endif\n"
        "push {r3-r7}\n"  // in place of r6 or r7, lr will be stored
        "ldmia r0!, {r6, r7, r11, r12, lr}\n"
        ".if %c[bytes]\n"
        "mov r9, r2\n"
        ".else\n"
        "add r9, r2, #4\n"
        "mov r10, #0\n"
        ".endif\n"
        "add r11, r9\n"
        "push {r1, r6-r12, lr}\n"
        "ldmia r0, {r0, r3}\n"
        "bl 2f\n"  // lr: the code below, which computes the rows' outputs

        ".if %c[per_channel]\n"
        "ldr r8, [sp, #12]\n"
        ".elseif %c[alike]\n"
        "ldmia sp, {r1, r6-r11}\n"
        "vigil_multiplier .req r6\n"
        "vigil_rounding .req r7\n"
        ".else\n"
        "ldmia sp, {r1, r6-r12, lr}\n"
        "vigil_multiplier .req r12\n"
        "vigil_rounding .req lr\n"
        ".endif\n"
        "rsb r4, r8, r4, lsl #%c[left]\n"
        "rsb r5, r8, r5, lsl #%c[left]\n"
        "sub r2, r2, r4, asr #%c[left]\n"  // S - B = 256 A
        "sub r3, r3, r5, asr #%c[left]\n"

        ".if %c[per_channel]\n"
        "ldmia r0!, {r6-r12, lr}\n"
        ".if %c[sign]\n"
        "and r10, r10, r2, asr #31\n"
        "and r11, r11, r3, asr #31\n"
        "and r12, r12, r4, asr #31\n"
        "and lr, lr, r5, asr #31\n"
        "add r6, r10\n"
        "add r7, r11\n"
        "add r8, r12\n"
        "add r9, lr\n"
        "ldmia r0!, {r10-r12, lr}\n"
        ".endif\n"
        "smmla r2, r2, r10, r6\n"
        "smmla r3, r3, r11, r7\n"
        "smmla r4, r4, r12, r8\n"
        "smmla r5, r5, lr, r9\n"
        "ldmia sp, {r1, r6-r11}\n"
        ".elseif %c[sign] && %c[bytes]\n"
        "asr r10, r2, #31\n"
        "add r10, r7, r10, lsl #7\n"
        "smmla r2, r2, r6, r10\n"
        "asr r10, r3, #31\n"
        "add r10, r7, r10, lsl #7\n"
        "smmla r3, r3, r6, r10\n"
        "asr r10, r4, #31\n"
        "add r10, vigil_rounding, r10, lsl #%c[left] - 1\n"
        "smmla r4, r4, vigil_multiplier, r10\n"
        "asr r10, r5, #31\n"
        "add r10, vigil_rounding, r10, lsl #%c[left] - 1\n"
        "smmla r5, r5, vigil_multiplier, r10\n"
        ".elseif %c[sign]\n"
        "asr r1, r2, #31\n"
        "add r1, r7, r1, lsl #7\n"
        "smmla r2, r2, r6, r1\n"
        "asr r1, r3, #31\n"
        "add r1, r7, r1, lsl #7\n"
        "smmla r3, r3, r6, r1\n"
        "asr r1, r4, #31\n"
        "add r1, vigil_rounding, r1, lsl #%c[left] - 1\n"
        "smmla r4, r4, vigil_multiplier, r1\n"
        "asr r1, r5, #31\n"
        "add r1, vigil_rounding, r1, lsl #%c[left] - 1\n"
        "smmla r5, r5, vigil_multiplier, r1\n"
        "ldr r1, [sp]\n"
        ".else\n"
        "smmla r2, r2, r6, r7\n"
        "smmla r3, r3, r6, r7\n"
        "smmla r4, r4, vigil_multiplier, vigil_rounding\n"
        "smmla r5, r5, vigil_multiplier, vigil_rounding\n"
        ".endif\n"
        ".if !%c[per_channel]\n"
        ".unreq vigil_multiplier\n"
        ".unreq vigil_rounding\n"
        ".endif\n"
        ".if %c[after]\n"
        "lsl r4, r4, #%c[shift]\n"
        "lsl r5, r5, #%c[shift]\n"
        ".endif\n"

        "pkhtb r4, r4, r2, asr #16 - %c[shift]\n"
        "pkhtb r5, r5, r3, asr #16 - %c[shift]\n"
        "usat16 r4, #8, r4\n"
        "usat16 r5, #8, r5\n"
        ".if %c[bytes]\n"
        "orr r4, r4, r5, lsl #8\n"
        "eor r4, r4, #0x80808080\n"
        "str r4, [r9], #4\n"
        "str r9, [sp, #16]\n"
        ".else\n"
        "smlad r10, r4, r5, r10\n"
        "strd r4, r5, [r9], #8\n"
        "strd r9, r10, [sp, #16]\n"
        ".endif\n"
        "cmp r9, r11\n"  // below: the carry flag is clear for the next four
        "beq 3f\n"

        "1:\n"  // four rows; r1 inputs
        "ldmia r0!, {r2-r5}\n"
        "ldr pc, [sp, #36]\n"

        "2:\n"
        "str lr, [sp, r3]\n"
        "b 1b\n"
        "3:\n"
        ".if !%c[bytes]\n"
        "mov r0, r10\n"
        ".endif\n"
        "add sp, #56\n"
        "pop {r2, r4-r11, lr}\n"
        ".if !%c[bytes]\n"
        "str r0, [r2]\n"
        ".endif\n"
        : "+r"(r0), "+r"(r1), "+r"(r2)
        : [shift] "i"(kForm.shift), [left] "i"(kForm.after ? 8 : 8 + kForm.shift),
          [after] "i"(kForm.after), [sign] "i"(kForm.sign), [per_channel] "i"(kForm.per_channel),
          [bytes] "i"(kForm.bytes), [skips] "i"(kForm.skips),
          [alike] "i"(kForm.after || kForm.shift == 0)  // `second` is `first`
        : "r3", "r12", "cc", "memory");
}

}  // namespace vigil::compiled
