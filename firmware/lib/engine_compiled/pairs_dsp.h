// The paired kernel for cores with the DSP extension. docs/engine.md explains the arithmetic;
// pairs_portable.h is the same in C++.
//
// All registers are spoken for in the inner loop, so it is assembly, and what a row needs around
// it lives on the stack. Registers:
//   r0 stream   r1 inputs   r2 r3 S of the two pairs   r4 r5 B   r6-r9 four words of inputs
//   r10 r11 r12 lr four words of weights
#pragma once

#include <cstdint>

#include "pairs.h"

extern "C" {
// The inner loop, kChainBlocks times eight inputs in a row, and where its parts begin. Jumped
// into, never called: they leave through addresses in the control block at sp.
void vigil_pairs_chain();
void vigil_pairs_again();  // back to the chain's start until r1 is at Control::inputs_end
void vigil_pairs_half();   // four inputs more
}

namespace vigil::compiled {
namespace dsp {

constexpr std::uint32_t kChainBlocks = 9;  // 140 inputs are 17 blocks and a half: two passes
constexpr std::uint32_t kBlockBytes = 92;

// What a row finds at sp. The first nine words are loaded at once.
struct Control {
    const Wide* inputs;          // 0
    std::int32_t multiplier;     // 4; with kPerChannel, shift
    std::int32_t rounding;       // 8; with kPerChannel, shift_rows_01
    std::uint32_t shift;         // 12
    std::uint32_t neighbours;    // 16
    void* output;                // 20
    std::int32_t correction;     // 24; without kSigned, the sum of the outputs' neighbours
    const void* output_end;      // 28
    std::uint32_t shift_rows_01; // 32
    std::uintptr_t entry;        // 36
    std::uintptr_t after_chain;  // 40
    const Wide* inputs_end;      // 44
    std::uintptr_t after_again;  // 48
    std::uintptr_t after_half;   // 52
    std::uint32_t sum;           // 56; with kSigned, the sum of the outputs' neighbours
    std::uint32_t last;          // 60: offset of the address that the rows' end goes into
};

inline std::uintptr_t address(void (*code)()) { return reinterpret_cast<std::uintptr_t>(code); }

// How a row runs through its inputs: which parts, in which order.
inline void route(Control& control, std::uint32_t groups) {
    const std::uint32_t blocks = groups / 2;
    const std::uint32_t first = blocks % kChainBlocks;
    const std::uintptr_t half = groups % 2 != 0 ? address(vigil_pairs_half) : 0;
    control.inputs_end = control.inputs + 4 * blocks;
    control.entry = address(vigil_pairs_chain) +
                    (first != 0 ? (kChainBlocks - first) * kBlockBytes : 0);
    if (blocks == 0) {
        control.entry = half;
    }
    control.after_chain = blocks > kChainBlocks ? address(vigil_pairs_again) : half;
    control.after_again = half;
    control.last = half != 0 ? 52 : blocks > kChainBlocks ? 48 : 40;
}

}  // namespace dsp


template <Shift kShift, bool kSigned, bool kPerChannel, bool kBytes>
__attribute__((noinline)) void dense_pairs(const Pairs& layer, const Wide* input, void* output) {
    dsp::Control control;
    control.inputs = input + 1;
    control.multiplier = kPerChannel ? layer.shift : layer.multiplier;
    control.rounding = kPerChannel ? layer.shift + 8 : layer.rounding;
    control.shift = layer.shift;
    control.neighbours = input[0];
    auto* wide = static_cast<Wide*>(output);
    auto* bytes = static_cast<std::int8_t*>(output);
    control.output = kBytes ? static_cast<void*>(bytes) : wide + 1;
    control.output_end = kBytes ? static_cast<void*>(bytes + 4 * layer.fours)
                                : wide + 1 + 2 * layer.fours;
    control.correction = kSigned ? layer.correction : 0;
    control.shift_rows_01 = kShift == Shift::right ? 8U - layer.shift : layer.shift + 8U;
    control.sum = 0;
    dsp::route(control, layer.groups);

    register const std::uint32_t* stream asm("r0") = layer.stream;
    register const void* end asm("r1") = &control + 1;
    asm volatile(
        "push {r4-r11, lr}\n"
        // The control block, to where only sp is needed to reach it.
        "ldmdb r1!, {r4-r11}\n"
        "push {r4-r11}\n"
        "ldr r3, [sp, #28]\n"  // Control::last
        "ldmdb r1!, {r4-r11}\n"
        "push {r4-r11}\n"
        "adr.w r2, 2f\n"
        "orr r2, r2, #1\n"
        "str r2, [sp, r3]\n"
        "mov r1, r4\n"
        "mov r9, r8\n"

        "1:\n"  // four rows; r1 inputs, r9 neighbours
        "ldmia r0!, {r2-r5}\n"
        "sub r4, r4, r9\n"
        "sub r5, r5, r9\n"
        "ldr pc, [sp, #36]\n"

        "2:\n"  // S - B = 256 A
        ".if %c[per_channel]\n"
        "ldrd r6, r7, [sp, #4]\n"
        ".else\n"
        "ldmia sp, {r1, r6-r12, lr}\n"
        ".endif\n"
        "sub r2, r2, r4\n"
        "sub r3, r3, r5\n"
        ".if %c[left] && %c[per_channel]\n"
        "lsl r2, r2, r6\n"
        "lsl r3, r3, r6\n"
        "lsl r4, r4, r7\n"
        "lsl r5, r5, r7\n"
        ".elseif %c[left]\n"
        "lsl r2, r2, r8\n"
        "lsl r3, r3, r8\n"
        "lsl r4, r4, lr\n"
        "lsl r5, r5, lr\n"
        ".else\n"
        "lsl r4, r4, #8\n"
        "lsl r5, r5, #8\n"
        ".endif\n"
        ".if %c[right] && %c[per_channel]\n"
        "asr r2, r2, r6\n"
        "asr r3, r3, r6\n"
        "asr r4, r4, r6\n"
        "asr r5, r5, r6\n"
        ".elseif %c[right]\n"
        "asr r2, r2, r8\n"
        "asr r3, r3, r8\n"
        "asr r4, r4, r8\n"
        "asr r5, r5, r8\n"
        ".endif\n"

        ".if %c[per_channel]\n"
        "ldmia r0!, {r6-r12, lr}\n"
        ".if %c[sign]\n"
        "and r10, r10, r2, asr #31\n"
        "and r11, r11, r3, asr #31\n"
        "and r12, r12, r4, asr #31\n"
        "and lr, lr, r5, asr #31\n"
        "add r6, r6, r10\n"
        "add r7, r7, r11\n"
        "add r8, r8, r12\n"
        "add r9, r9, lr\n"
        "ldmia r0!, {r10-r12, lr}\n"
        ".endif\n"
        "smmla r2, r2, r10, r6\n"
        "smmla r3, r3, r11, r7\n"
        "smmla r4, r4, r12, r8\n"
        "smmla r5, r5, lr, r9\n"
        "ldmia sp, {r1, r6-r12}\n"
        ".elseif %c[sign]\n"
        "and lr, r11, r2, asr #31\n"
        "add lr, lr, r7\n"
        "smmla r2, r2, r6, lr\n"
        "and lr, r11, r3, asr #31\n"
        "add lr, lr, r7\n"
        "smmla r3, r3, r6, lr\n"
        "and lr, r11, r4, asr #31\n"
        "add lr, lr, r7\n"
        "smmla r4, r4, r6, lr\n"
        "and lr, r11, r5, asr #31\n"
        "add lr, lr, r7\n"
        "smmla r5, r5, r6, lr\n"
        ".else\n"
        "smmla r2, r2, r6, r7\n"
        "smmla r3, r3, r6, r7\n"
        "smmla r4, r4, r6, r7\n"
        "smmla r5, r5, r6, r7\n"
        ".endif\n"
        ".if %c[after]\n"
        "lsl r2, r2, r8\n"
        "lsl r3, r3, r8\n"
        "lsl r4, r4, r8\n"
        "lsl r5, r5, r8\n"
        ".endif\n"

        "pkhtb r4, r2, r4, asr #16\n"
        "pkhtb r5, r3, r5, asr #16\n"
        "usat16 r4, #8, r4\n"
        "usat16 r5, #8, r5\n"
        ".if %c[bytes]\n"
        "orr r4, r4, r5, lsl #8\n"
        "eor r4, r4, #0x80808080\n"
        "str r4, [r10], #4\n"
        "str r10, [sp, #20]\n"
        ".elseif %c[sign]\n"
        "ldr r11, [sp, #56]\n"
        "smlad r11, r4, r5, r11\n"
        "str r11, [sp, #56]\n"
        "strd r4, r5, [r10], #8\n"
        "str r10, [sp, #20]\n"
        ".else\n"
        "smlad r11, r4, r5, r11\n"
        "strd r4, r5, [r10], #8\n"
        "strd r10, r11, [sp, #20]\n"
        ".endif\n"
        "cmp r10, r12\n"
        "bne 1b\n"
        "mov r0, r11\n"
        "add sp, sp, #64\n"
        "pop {r4-r11, lr}\n"
        : "+r"(stream), "+r"(end)
        : [left] "i"(kShift == Shift::left), [right] "i"(kShift == Shift::right),
          [after] "i"(kShift == Shift::after), [sign] "i"(kSigned),
          [per_channel] "i"(kPerChannel), [bytes] "i"(kBytes)
        : "r2", "r3", "r12", "cc", "memory");
    if (!kBytes) {
        wide[0] = reinterpret_cast<std::uint32_t>(stream);
    }
}

}  // namespace vigil::compiled
