#if defined(ARDUINO_ARDUINO_NANO33BLE)

#include <nrf.h>
#include <rtx_os.h>

#include "board.h"

namespace vigil::board {
namespace {

constexpr std::uint32_t kPaint = 0xA5A5A5A5U;
// Left unpainted: frames of the calls below this one, and an interrupt's frame.
constexpr std::uintptr_t kMargin = 256;

std::uint32_t id = 0;

const osRtxThread_t& this_thread() {
    return *static_cast<const osRtxThread_t*>(osThreadGetId());
}

// The kernel keeps its overflow mark in the lowest word.
volatile std::uint32_t* lowest_word() {
    return static_cast<volatile std::uint32_t*>(this_thread().stack_mem) + 1;
}

std::uintptr_t stack_end() {
    return reinterpret_cast<std::uintptr_t>(this_thread().stack_mem) + this_thread().stack_size;
}

void paint_stack() {
    const std::uintptr_t here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
    for (volatile std::uint32_t* p = lowest_word();
         reinterpret_cast<std::uintptr_t>(p) < here - kMargin; ++p) {
        *p = kPaint;
    }
}

// The hardware random number generator, bias correction on.
std::uint32_t random_word() {
    NRF_RNG->CONFIG = RNG_CONFIG_DERCEN_Enabled << RNG_CONFIG_DERCEN_Pos;
    NRF_RNG->TASKS_START = 1;
    std::uint32_t word = 0;
    for (int i = 0; i < 4; ++i) {
        NRF_RNG->EVENTS_VALRDY = 0;
        while (NRF_RNG->EVENTS_VALRDY == 0) {
        }
        word = word << 8U | (NRF_RNG->VALUE & 0xFFU);
    }
    NRF_RNG->TASKS_STOP = 1;
    return word;
}

}  // namespace

void begin() {
    CoreDebug->DEMCR |= CoreDebug_DEMCR_TRCENA_Msk;
    DWT->CYCCNT = 0;
    DWT->CTRL |= DWT_CTRL_CYCCNTENA_Msk;
    NRF_NVMC->ICACHECNF = NVMC_ICACHECNF_CACHEEN_Enabled << NVMC_ICACHECNF_CACHEEN_Pos;
    id = random_word();
    paint_stack();
}

std::uint32_t counter() {
    return DWT->CYCCNT;
}

std::uint32_t counter_hz() {
    return SystemCoreClock;
}

std::uint32_t stack_size() {
    return this_thread().stack_size;
}

std::uint32_t stack_used() {
    const volatile std::uint32_t* p = lowest_word();
    while (reinterpret_cast<std::uintptr_t>(p) < stack_end() && *p == kPaint) {
        ++p;
    }
    return static_cast<std::uint32_t>(stack_end() - reinterpret_cast<std::uintptr_t>(p));
}

Cache instruction_cache() {
    const bool on = (NRF_NVMC->ICACHECNF & NVMC_ICACHECNF_CACHEEN_Msk) != 0;
    return on ? Cache::on : Cache::off;
}

std::uint32_t boot_id() {
    return id;
}

const char* name() {
    return "nano33ble";
}

}  // namespace vigil::board

#endif
