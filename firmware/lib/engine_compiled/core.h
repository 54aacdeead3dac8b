// Chooses kernels by the processor core, at compile time: the only file that asks which core it is.
#pragma once

// VIGIL_DSP: instructions on two 16-bit or four 8-bit lanes of a word (Cortex-M4, M7, M33, M55).
// VIGIL_MVE: besides these, vectors of 16 values (Cortex-M55).
// VIGIL_NO_LANES: values singly, as a word of lanes would take many instructions. With it,
//   VIGIL_THUMB2: Cortex-M3.
//   VIGIL_THUMB1: Cortex-M0, M0+: no product of 64 bits, no unaligned words.
//   Neither: other small cores, such as RISC-V.
// On the host, and on a board with VIGIL_PORTABLE_KERNELS, none is defined: C++ does the DSP's work
// on lanes.
#if defined(VIGIL_PORTABLE_KERNELS)
#elif defined(__ARM_FEATURE_DSP)
#define VIGIL_DSP 1
#if defined(__ARM_FEATURE_MVE)
#define VIGIL_MVE 1
#endif
#elif defined(__thumb2__)
#define VIGIL_NO_LANES 1
#define VIGIL_THUMB2 1
#elif defined(__thumb__)
#define VIGIL_NO_LANES 1
#define VIGIL_THUMB1 1
#elif defined(__riscv) || defined(__xtensa__)
#define VIGIL_NO_LANES 1
#endif
