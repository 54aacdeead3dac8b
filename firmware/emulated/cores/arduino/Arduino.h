// The part of the Arduino API that the emulated board implements. Names and types follow
// ArduinoCore-API, so that the same sketch compiles for a real board.
#pragma once

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "interrupts.h"

#define HIGH 1
#define LOW 0
#define INPUT 0
#define OUTPUT 1
#define INPUT_PULLUP 2
#define INPUT_PULLDOWN 3

#define DEC 10
#define HEX 16
#define OCT 8
#define BIN 2

typedef uint8_t byte;
typedef bool boolean;
typedef uint8_t pin_size_t;

// Pin numbers of the Arduino Nano 33 BLE.
#define LED_BUILTIN 13
#define A0 14
#define A1 15
#define A2 16
#define A3 17
#define A4 18
#define A5 19
#define A6 20
#define A7 21

#ifdef __cplusplus
constexpr unsigned kPinCount = 26;
extern "C" {
#endif

void setup(void);
void loop(void);

unsigned long millis(void);
unsigned long micros(void);
void delay(unsigned long milliseconds);
void delayMicroseconds(unsigned int microseconds);
void yield(void);

void pinMode(pin_size_t pin, int mode);
void digitalWrite(pin_size_t pin, int level);
int digitalRead(pin_size_t pin);
int analogRead(pin_size_t pin);
void analogReadResolution(int bits);

#ifdef __cplusplus
}

#include "HardwareSerial.h"
#endif
