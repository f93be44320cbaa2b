/* SPDX-License-Identifier: Apache-2.0 */
/* Functions of float32 models. Nothing here branches or calls, so that compilers put whole loops into vectors. */
#ifndef EDGERNN_FUNCTIONS_F32_H
#define EDGERNN_FUNCTIONS_F32_H

#include <stdint.h>
#include <string.h>

/* x between -limit and limit; what is no number becomes a limit. In integers, since compilers turn two comparisons of
 * floats in a row into branches, and a loop with branches is not put into vectors. */
static inline float edgernn_bounded_f32(float x, float limit) {
  int32_t bits, most;
  memcpy(&bits, &x, sizeof bits);
  memcpy(&most, &limit, sizeof most);
  const int32_t size = bits & INT32_C(0x7fffffff);
  bits = (size < most ? size : most) | (bits ^ size);
  memcpy(&x, &bits, sizeof x);
  return x;
}

/* The same, but NaN stays NaN. */
static inline float edgernn_clamp_f32(float x, float limit) {
  int32_t bits, all;
  const float bounded = edgernn_bounded_f32(x, limit);
  memcpy(&all, &x, sizeof all);
  memcpy(&bits, &bounded, sizeof bits);
  bits |= (INT32_C(0x7f800000) - (all & INT32_C(0x7fffffff))) >> 31 & INT32_C(0x7fc00000);
  memcpy(&x, &bits, sizeof x);
  return x;
}

/* exp(x), relative error below 3e-7. Beyond +-87 it stays at what it is there: 1.6e-38 and 6.1e37. */
static inline float edgernn_exp_f32(float x) {
  const float bounded = edgernn_clamp_f32(x, 87.0f);
  /* x = n ln 2 + r, |r| <= ln 2 / 2, with ln 2 in two parts of which the first is short: n times it is exact. n comes
   * from a number even where x is none, since a cast of NaN to an integer means nothing in C. */
  const int32_t n = (int32_t)(edgernn_bounded_f32(x, 87.0f) * 1.44269504f + 127.5f) - 127;
  const float r = bounded - (float)n * 0.693359375f + (float)n * 2.12194440e-4f;
  /* (exp(r) - 1 - r) / r^2, fitted for the least relative error of exp(r): 3.2e-9 before rounding. */
  const float p = 0.5f + r * (0.166665182f + r * (0.041666206f + r * (0.00836895406f + r * 0.00139506022f)));
  const uint32_t bits = (uint32_t)(n + 127) << 23;
  float power; /* 2^n */
  memcpy(&power, &bits, sizeof power);
  return (1.0f + (r + r * r * p)) * power;
}

/* 1 / (1 + exp(-x)), relative error below 4e-7 where x > -87. */
static inline float edgernn_sigmoid_f32(float x) { return 1.0f / (1.0f + edgernn_exp_f32(-x)); }

/* tanh(x), relative error below 4e-7. */
static inline float edgernn_tanh_f32(float x) {
  const float bounded = edgernn_clamp_f32(x, 9.01f);
  /* x P(x^2) / Q(x^2), fitted for the least relative error: 2.1e-8 before rounding. */
  const float t = bounded * bounded;
  const float p = 1.0f + t * (0.133797154f + t * (0.00349403196f + t * (2.05834422e-05f + t * 1.33190223e-08f)));
  const float q = 1.0f + t * (0.467130303f + t * (0.0258710627f + t * (0.000328308874f + t * 7.76199784e-07f)));
  return bounded * p / q;
}

/* y = exp(x) / sum(exp(x)). */
static inline void edgernn_softmax_f32(float *y, const float *x, int count) {
  float largest = x[0], sum = 0.0f;
  for (int k = 1; k < count; ++k) largest = x[k] > largest ? x[k] : largest;
  for (int k = 0; k < count; ++k) {
    y[k] = edgernn_exp_f32(x[k] - largest);
    sum += y[k];
  }
  for (int k = 0; k < count; ++k) y[k] = y[k] / sum;
}

#endif
