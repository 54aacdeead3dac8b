// Internal to the core: the functions that the architecture's vector table calls.
#pragma once

extern "C" {
[[noreturn]] void Reset_Handler(void);
void Uart0Rx_Handler(void);
void Uart0Tx_Handler(void);
void Sampling_Handler(void);
}
