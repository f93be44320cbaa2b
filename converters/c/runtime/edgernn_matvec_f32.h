/* The product of float32 models: acc[row] = bias[row] + sum over columns of w[row][column] * x[column].
 *
 * Order of the weights: [row block of 8][column][row of the block]. acc and bias have 8 * row_blocks entries, x has
 * columns. Processors differ in the order of the sums and in rounding between product and sum.
 */
#ifndef EDGERNN_MATVEC_F32_H
#define EDGERNN_MATVEC_F32_H

#if defined(__AVX2__) && defined(__FMA__)
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

#elif defined(__aarch64__) && defined(__ARM_NEON)
#include <arm_neon.h>

static inline void edgernn_matvec_f32(float *acc, const float *w, const float *bias, const float *x, int row_blocks,
                                      int columns) {
  const long block = 8L * columns;
  /* Three row blocks at once: their sums hide each other's latency. */
  for (; row_blocks >= 3; row_blocks -= 3, w += 2 * block, acc += 24, bias += 24) {
    float32x4_t a = vld1q_f32(bias), b = vld1q_f32(bias + 4), c = vld1q_f32(bias + 8), d = vld1q_f32(bias + 12);
    float32x4_t e = vld1q_f32(bias + 16), f = vld1q_f32(bias + 20);
    for (int column = 0; column < columns; ++column, w += 8) {
      const float32x4_t each = vdupq_n_f32(x[column]);
      a = vfmaq_f32(a, vld1q_f32(w), each);
      b = vfmaq_f32(b, vld1q_f32(w + 4), each);
      c = vfmaq_f32(c, vld1q_f32(w + block), each);
      d = vfmaq_f32(d, vld1q_f32(w + block + 4), each);
      e = vfmaq_f32(e, vld1q_f32(w + 2 * block), each);
      f = vfmaq_f32(f, vld1q_f32(w + 2 * block + 4), each);
    }
    vst1q_f32(acc, a);
    vst1q_f32(acc + 4, b);
    vst1q_f32(acc + 8, c);
    vst1q_f32(acc + 12, d);
    vst1q_f32(acc + 16, e);
    vst1q_f32(acc + 20, f);
  }
  for (; row_blocks; --row_blocks, acc += 8, bias += 8) {
    float32x4_t low = vld1q_f32(bias), high = vld1q_f32(bias + 4);
    for (int column = 0; column < columns; ++column, w += 8) {
      const float32x4_t each = vdupq_n_f32(x[column]);
      low = vfmaq_f32(low, vld1q_f32(w), each);
      high = vfmaq_f32(high, vld1q_f32(w + 4), each);
    }
    vst1q_f32(acc, low);
    vst1q_f32(acc + 4, high);
  }
}

#else

static inline void edgernn_matvec_f32(float *acc, const float *w, const float *bias, const float *x, int row_blocks,
                                      int columns) {
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
