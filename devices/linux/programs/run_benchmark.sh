# Runs Google's benchmark_model: once for each invocation in the file `input`, for its answer, and once to measure.
#
#     sh run_benchmark.sh PROGRAM JOB INVOCATIONS WARMUP RUNS CORES NAMES SHAPES SIZE...
#
# PROGRAM has `benchmark_model` and `model.tflite`; `output` and an empty `times` are written to JOB, and what the
# measurement says is printed. CORES is a mask in hexadecimal, 0 for any; SIZE is that of each input in bytes.
program=$1 count=$3 warmup=$4 runs=$5 cores=$6 names=$7 shapes=$8
cd "$2" || exit 1
shift 8

total=0 number=0 files=
for size in "$@"; do
  total=$((total + size))
  files="$files${files:+,}x$number:x$number"
  number=$((number + 1))
done

tool() {
  "$program/benchmark_model" --graph="$program/model.tflite" --num_threads=1 --input_layer="$names" \
    --input_layer_shape="$shapes" --input_layer_value_files="$files" "$@"
}

feed() { # the inputs of one invocation, each in a file
  at=$(($1 * total + 1)) number=0
  shift
  for size in "$@"; do
    tail -c +"$at" input | head -c "$size" >"x$number"
    at=$((at + size)) number=$((number + 1))
  done
}

[ "$count" -eq 0 ] || : >output.part
turn=0
while [ "$turn" -lt "$count" ]; do
  feed "$turn" "$@"
  rm -f answer
  tool --num_runs=1 --min_secs=0 --warmup_runs=0 --warmup_min_secs=0 --output_filepath=answer >log 2>&1 || {
    status=$?
    tail -n 1 log >&2
    exit $status
  }
  [ -s answer ] || {
    echo "a benchmark_model that does not know --output_filepath" >&2
    exit 1
  }
  cat answer >>output.part
  turn=$((turn + 1))
done
[ "$count" -eq 0 ] || mv output.part output
: >times
feed 0 "$@"
[ "$cores" = 0 ] || taskset -p "$cores" $$ >/dev/null || exit 1
echo "runtime=LiteRT, benchmark_model"
tool --num_runs="$runs" --min_secs=0 --warmup_runs="$warmup" --warmup_min_secs=0 2>&1
