// The serial port's UART: a 16550 without FIFOs. Its interrupt calls Uart0Rx_Handler or
// Uart0Tx_Handler.
#pragma once

#include "handlers.h"
#include "interrupts.h"
#include "registers.h"

namespace emulated {

inline void uart_begin() {
    device_register(machine::kPlic, kPlicPriority + 4 * machine::kUart0Irq) = 1;
    device_register(machine::kPlic, kPlicEnable) = 1U << machine::kUart0Irq;
    device_register(machine::kPlic, kPlicThreshold) = 0;
    uart0(kUartInterrupts) = kUartRxInterrupt;
}

inline void uart_end() {
    uart0(kUartInterrupts) = 0;
}

// For the report of a fault: without interrupts.
inline void uart_only_send() {
    uart0(kUartInterrupts) = 0;
}

inline bool uart_is_full() {
    return (uart0(kUartState) & kUartTxEmpty) == 0;
}

inline void uart_send(std::uint8_t byte) {
    uart0(kUartData) = byte;
}

inline bool uart_has_received() {
    return (uart0(kUartState) & kUartRxFull) != 0;
}

inline void uart_interrupt(std::uint8_t cause, bool on) {
    const InterruptLock lock;
    const std::uint8_t others = uart0(kUartInterrupts) & ~cause;
    uart0(kUartInterrupts) = on ? others | cause : others;
}

// Whether the handler took a byte. One that stays in the receiver would interrupt again and again,
// so that the interrupt is off until the byte is taken.
inline volatile bool uart_took = false;

// Takes the byte; the UART accepts the next one.
inline std::uint8_t uart_receive() {
    uart_took = true;
    uart_interrupt(kUartRxInterrupt, true);
    return uart0(kUartData);
}

inline void uart_handle_received() {
    uart_took = false;
    Uart0Rx_Handler();
    if (!uart_took && uart_has_received()) {
        uart_interrupt(kUartRxInterrupt, false);
    }
}

// Whether a byte that left the transmitter interrupts.
inline void uart_interrupt_when_sent(bool on) {
    uart_interrupt(kUartTxInterrupt, on);
}

// Reading the byte, or the interrupt's cause, clears the interrupt.
inline void uart_clear_received() {}
inline void uart_clear_sent() {}

}  // namespace emulated
