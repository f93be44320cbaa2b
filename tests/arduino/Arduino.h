/* What an Arduino sketch finds in the way: macros, types, functions and objects as the cores have them. */
#pragma once

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef uint8_t byte;
typedef bool boolean;
typedef unsigned int word;

#define HIGH 0x1
#define LOW 0x0
#define INPUT 0x0
#define OUTPUT 0x1
#define INPUT_PULLUP 0x2
#define PI 3.1415926535897932384626433832795
#define HALF_PI 1.5707963267948966192313216916398
#define TWO_PI 6.283185307179586476925286766559
#define DEG_TO_RAD 0.017453292519943295769236907684886
#define EULER 2.718281828459045235360287471352
#define SERIAL 0x0
#define DISPLAY 0x1
#define LSBFIRST 0
#define MSBFIRST 1
#define CHANGE 1
#define FALLING 2
#define RISING 3
#define DEFAULT 1
#define EXTERNAL 0
#define INTERNAL 3
#define DEC 10
#define HEX 16
#define OCT 8
#define BIN 2
#define min(a, b) ((a) < (b) ? (a) : (b))
#define max(a, b) ((a) > (b) ? (a) : (b))
#define abs(x) ((x) > 0 ? (x) : -(x))
#define constrain(amt, low, high) ((amt) < (low) ? (low) : ((amt) > (high) ? (high) : (amt)))
#define round(x) ((x) >= 0 ? (long)((x) + 0.5) : (long)((x)-0.5))
#define radians(deg) ((deg)*DEG_TO_RAD)
#define degrees(rad) ((rad) / DEG_TO_RAD)
#define sq(x) ((x) * (x))
#define interrupts() (void)0
#define noInterrupts() (void)0
#define lowByte(w) ((uint8_t)((w)&0xff))
#define highByte(w) ((uint8_t)((w) >> 8))
#define bitRead(value, bit) (((value) >> (bit)) & 0x01)
#define bitSet(value, bit) ((value) |= (1UL << (bit)))
#define bitClear(value, bit) ((value) &= ~(1UL << (bit)))
#define bit(b) (1UL << (b))
#define _BV(b) (1 << (b))
#define F(text) (text)
#define B0 0
#define B1 1
#define B00 0
#define B11111111 255
#define A0 14
#define A1 15
#define E 2.718281828
#define SS 10
#define SDA 18
#define SCL 19
#define LED_BUILTIN 13
#define F_CPU 16000000L
#define IRAM_ATTR
#define PROGMEM

class Print {
 public:
  void begin(unsigned long);
  template <class T> size_t print(T);
  template <class T> size_t println(T);
  size_t println();
};
extern Print Serial, Serial1, Wire, SPI;

void init(void);
void yield(void);
void pinMode(uint8_t pin, uint8_t mode);
void digitalWrite(uint8_t pin, uint8_t value);
int analogRead(uint8_t pin);
unsigned long millis(void);
unsigned long micros(void);
void delay(unsigned long);
void tone(uint8_t pin, unsigned int frequency);
long map(long, long, long, long, long);
void setup(void);
void loop(void);
