/* SPDX-License-Identifier: Apache-2.0 */
/* The product of float32 models: acc[row] = bias[row] + sum over columns of w[row][column] * x[column].
 *
 * Order of the weights: [row block of 8][column][row of the block]. acc and bias have 8 * row_blocks entries, x has
 * columns. Processors differ in the order of the sums and in rounding between product and sum.
 */
#ifndef EDGERNN_MATVEC_F32_H
#define EDGERNN_MATVEC_F32_H

#include "edgernn_flash.h"

#if defined(EDGERNN_PORTABLE)
#define EDGERNN_MATVEC_F32_PLAIN
#elif defined(__AVX512F__)
#include "edgernn_matvec_f32_avx512.h"
#elif defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>

static inline void edgernn_matvec_f32(float *acc, const float *w, const float *bias, const float *x, int row_blocks,
                                      int columns) {
  const long block = 8L * columns;
  /* Six row blocks at once: their sums hide each other's latency. */
  for (; row_blocks >= 6; row_blocks -= 6, w += 5 * block, acc += 48, bias += 48) {
    __m256 a = _mm256_loadu_ps(bias), b = _mm256_loadu_ps(bias + 8), c = _mm256_loadu_ps(bias + 16);
    __m256 d = _mm256_loadu_ps(bias + 24), e = _mm256_loadu_ps(bias + 32), f = _mm256_loadu_ps(bias + 40);
    for (int column = 0; column < columns; ++column, w += 8) {
      const __m256 each = _mm256_set1_ps(x[column]);
      a = _mm256_fmadd_ps(_mm256_loadu_ps(w), each, a);
      b = _mm256_fmadd_ps(_mm256_loadu_ps(w + block), each, b);
      c = _mm256_fmadd_ps(_mm256_loadu_ps(w + 2 * block), each, c);
      d = _mm256_fmadd_ps(_mm256_loadu_ps(w + 3 * block), each, d);
      e = _mm256_fmadd_ps(_mm256_loadu_ps(w + 4 * block), each, e);
      f = _mm256_fmadd_ps(_mm256_loadu_ps(w + 5 * block), each, f);
    }
    _mm256_storeu_ps(acc, a);
    _mm256_storeu_ps(acc + 8, b);
    _mm256_storeu_ps(acc + 16, c);
    _mm256_storeu_ps(acc + 24, d);
    _mm256_storeu_ps(acc + 32, e);
    _mm256_storeu_ps(acc + 40, f);
  }
  for (; row_blocks; --row_blocks, acc += 8, bias += 8) {
    __m256 even = _mm256_loadu_ps(bias), odd = _mm256_setzero_ps();
    int column = 0;
    for (; column + 1 < columns; column += 2, w += 16) {
      even = _mm256_fmadd_ps(_mm256_loadu_ps(w), _mm256_set1_ps(x[column]), even);
      odd = _mm256_fmadd_ps(_mm256_loadu_ps(w + 8), _mm256_set1_ps(x[column + 1]), odd);
    }
    for (; column < columns; ++column, w += 8)
      even = _mm256_fmadd_ps(_mm256_loadu_ps(w), _mm256_set1_ps(x[column]), even);
    _mm256_storeu_ps(acc, _mm256_add_ps(even, odd));
  }
}

#elif (defined(__aarch64__) && defined(__ARM_NEON)) || defined(__SSE2__)

/* Four floats, with the instructions that every 64-bit Arm and x86 has. */
#ifdef __SSE2__
#include <emmintrin.h>
typedef __m128 edgernn_four;
static inline edgernn_four edgernn_load_four(const float *at) { return _mm_loadu_ps(at); }
static inline void edgernn_store_four(float *at, edgernn_four v) { _mm_storeu_ps(at, v); }
static inline edgernn_four edgernn_add_scaled(edgernn_four sum, const float *w, float each) {
  return _mm_add_ps(sum, _mm_mul_ps(_mm_loadu_ps(w), _mm_set1_ps(each)));
}
#else
#include <arm_neon.h>
typedef float32x4_t edgernn_four;
static inline edgernn_four edgernn_load_four(const float *at) { return vld1q_f32(at); }
static inline void edgernn_store_four(float *at, edgernn_four v) { vst1q_f32(at, v); }
static inline edgernn_four edgernn_add_scaled(edgernn_four sum, const float *w, float each) {
  return vfmaq_n_f32(sum, vld1q_f32(w), each);
}
#endif

static inline void edgernn_matvec_f32(float *acc, const float *w, const float *bias, const float *x, int row_blocks,
                                      int columns) {
  const long block = 8L * columns;
  /* Three row blocks at once: their sums hide each other's latency. */
  for (; row_blocks >= 3; row_blocks -= 3, w += 2 * block, acc += 24, bias += 24) {
    edgernn_four a = edgernn_load_four(bias), b = edgernn_load_four(bias + 4), c = edgernn_load_four(bias + 8);
    edgernn_four d = edgernn_load_four(bias + 12), e = edgernn_load_four(bias + 16), f = edgernn_load_four(bias + 20);
    for (int column = 0; column < columns; ++column, w += 8) {
      const float each = x[column];
      a = edgernn_add_scaled(a, w, each);
      b = edgernn_add_scaled(b, w + 4, each);
      c = edgernn_add_scaled(c, w + block, each);
      d = edgernn_add_scaled(d, w + block + 4, each);
      e = edgernn_add_scaled(e, w + 2 * block, each);
      f = edgernn_add_scaled(f, w + 2 * block + 4, each);
    }
    edgernn_store_four(acc, a);
    edgernn_store_four(acc + 4, b);
    edgernn_store_four(acc + 8, c);
    edgernn_store_four(acc + 12, d);
    edgernn_store_four(acc + 16, e);
    edgernn_store_four(acc + 20, f);
  }
  for (; row_blocks; --row_blocks, acc += 8, bias += 8) {
    edgernn_four low = edgernn_load_four(bias), high = edgernn_load_four(bias + 4);
    for (int column = 0; column < columns; ++column, w += 8) {
      low = edgernn_add_scaled(low, w, x[column]);
      high = edgernn_add_scaled(high, w + 4, x[column]);
    }
    edgernn_store_four(acc, low);
    edgernn_store_four(acc + 4, high);
  }
}

#else
#define EDGERNN_MATVEC_F32_PLAIN
#endif

#ifdef EDGERNN_MATVEC_F32_PLAIN

static inline void edgernn_matvec_f32(float *acc, const EDGERNN_FLASH float *w, const EDGERNN_FLASH float *bias,
                                      const float *x, int row_blocks, int columns) {
  for (; row_blocks; --row_blocks, acc += 8, bias += 8) {
    float a0 = bias[0], a1 = bias[1], a2 = bias[2], a3 = bias[3];
    float a4 = bias[4], a5 = bias[5], a6 = bias[6], a7 = bias[7];
    for (int column = 0; column < columns; ++column, w += 8) {
      const float each = x[column];
      a0 += w[0] * each;
      a1 += w[1] * each;
      a2 += w[2] * each;
      a3 += w[3] * each;
      a4 += w[4] * each;
      a5 += w[5] * each;
      a6 += w[6] * each;
      a7 += w[7] * each;
    }
    acc[0] = a0;
    acc[1] = a1;
    acc[2] = a2;
    acc[3] = a3;
    acc[4] = a4;
    acc[5] = a5;
    acc[6] = a6;
    acc[7] = a7;
  }
}

#endif
#endif
