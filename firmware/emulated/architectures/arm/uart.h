// The serial port's UART: CMSDK UART 0. Its interrupts call Uart0Rx_Handler and Uart0Tx_Handler.
#pragma once

#include "registers.h"

namespace emulated {

constexpr std::uint32_t kUartControl = kUartTxEnable | kUartRxEnable | kUartRxInterrupt;

inline void uart_begin() {
    uart0().divider = 16;  // the UART's minimum; QEMU ignores it and sends at once
    uart0().control = kUartControl;
    enable_irq(machine::kUart0RxIrq);
    enable_irq(machine::kUart0TxIrq);
}

inline void uart_end() {
    uart0().control = 0;
}

// For the report of a fault: the transmitter alone, without interrupts.
inline void uart_only_send() {
    uart0().control = kUartTxEnable;
}

inline bool uart_is_full() {
    return (uart0().state & kUartTxFull) != 0;
}

inline void uart_send(std::uint8_t byte) {
    uart0().data = byte;
}

inline bool uart_has_received() {
    return (uart0().state & kUartRxFull) != 0;
}

// Takes the byte; the UART accepts the next one.
inline std::uint8_t uart_receive() {
    return static_cast<std::uint8_t>(uart0().data);
}

// Whether a byte that left the transmitter interrupts.
inline void uart_interrupt_when_sent(bool on) {
    uart0().control = on ? kUartControl | kUartTxInterrupt : kUartControl;
}

inline void uart_clear_received() {
    uart0().interrupts = kUartRxPending;
}

inline void uart_clear_sent() {
    uart0().interrupts = kUartTxPending;
}

}  // namespace emulated
