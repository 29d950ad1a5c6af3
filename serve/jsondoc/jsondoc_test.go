package jsondoc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/serve/engine"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// tree makes of a value what encoding/json makes with UseNumber, but numbers
// are *big.Float, or float64 where they are not integers.
func tree(v Value) any {
	switch v.Kind() {
	case Null:
		return nil
	case Bool:
		return v.Bool()
	case Number:
		if u, ok := v.Uint(); ok {
			return strconv.FormatUint(u, 10)
		}
		if i, ok := v.Int(); ok {
			return strconv.FormatInt(i, 10)
		}
		return v.Float()
	case String:
		return v.Text()
	case Array:
		list := []any{}
		for _, item := range v.Items() {
			list = append(list, tree(item))
		}
		return list
	}
	m := map[string]any{}
	for k, item := range v.Members() {
		m[string(k)] = tree(item)
	}
	return m
}

// same compares with what encoding/json made.
func same(got, want any) error {
	switch want := want.(type) {
	case []any:
		list, ok := got.([]any)
		if !ok || len(list) != len(want) {
			return fmt.Errorf("got %v, want %v", got, want)
		}
		for i := range list {
			if err := same(list[i], want[i]); err != nil {
				return err
			}
		}
		return nil
	case map[string]any:
		m, ok := got.(map[string]any)
		if !ok || len(m) != len(want) {
			return fmt.Errorf("got %v, want %v", got, want)
		}
		for k := range want {
			if err := same(m[k], want[k]); err != nil {
				return err
			}
		}
		return nil
	case json.Number:
		exact, _ := new(big.Rat).SetString(want.String())
		switch got := got.(type) {
		case string: // an integer, which must be the very one
			if g, _ := new(big.Rat).SetString(got); exact != nil && g.Cmp(exact) != 0 {
				if f, _ := strconv.ParseFloat(want.String(), 64); math.Abs(f) >= 1<<53 || strconv.FormatInt(int64(f), 10) != got {
					return fmt.Errorf("got the integer %v, want %v", got, want)
				}
			}
			return nil
		case float64:
			f, _ := strconv.ParseFloat(want.String(), 64)
			if math.Float64bits(got) != math.Float64bits(f) {
				return fmt.Errorf("got %v, want %v", got, want)
			}
			if exact != nil && exact.IsInt() && (exact.Num().IsInt64() || exact.Num().IsUint64()) && !strings.Contains(want.String(), ".") && len(want.String()) < 19 {
				return fmt.Errorf("the integer %v is told as a float", want)
			}
			return nil
		}
		return fmt.Errorf("got %v, want %v", got, want)
	}
	if !reflect.DeepEqual(got, want) {
		return fmt.Errorf("got %#v, want %#v", got, want)
	}
	return nil
}

// documents that are right.
var right = []string{
	`null`, ` true `, `false`, `0`, `-0`, `-1.5e3`, `1e22`, `0.1`, `123456789012345678`, `1E+2`, `""`, `"a"`, `[]`, `{}`,
	`[1,2,3]`, `[[1,2],[3,4]]`, `[[[1],[2]],[[3],[4]]]`, `[[],[]]`, `[[1],[]]`, `[[1],2]`, `[1,[2]]`, `[1,"a",2]`, `[1,2,null]`,
	`[1,{"a":[1,2]},3]`, `[[1,2],[3,"x"]]`, `[[1,2],{"a":1}]`, `[{"a":1},[1]]`, `["a",[1,2],[3,4]]`, `{"a":[[1,2],[3,4]],"b":{"c":[]}}`,
	`"\u00e4\n\"\\\/\b\f\r\t\ud83d\ude00"`, `"ä€😀"`, `"12345678\n1234567890"`, "\t[\r\n1 , 2 ]\n", `{"":{"":[{"":0}]}}`,
	`[9007199254740991,9007199254740992,9007199254740993,18446744073709551615,-9223372036854775808,18446744073709551616,-9223372036854775809]`,
	`[1e18,1e19,1e20,9007199254740993,"x"]`, `[0.30000000000000004,5e-324,1.7976931348623157e308,123456789.123456789123456789]`,
	`[[[[[[[[1,2]]]]]]],3]`, `[[1,2],[3,4],[5]]`, `[9007199254740993.0, 9007199254740992.5]`,
	`{"inputs":[{"name":"image","shape":[1,2],"datatype":"FP32","data":[0.5,1]}],"outputs":[{"name":"label"}]}`,
}

// documents that are wrong for encoding/json too.
var wrong = []string{
	``, ` `, `[`, `]`, `{`, `}`, `[1`, `[1,`, `[1,]`, `[,1]`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{"a":1`, `{a:1}`, `{1:1}`, `[1}`, `{"a":1]`, `1 2`, `[] []`,
	`"`, `"a`, `"\`, `"\"`, `"\x"`, `"\u12"`, `"\u12g4"`, "\"\n\"", "\"1234567\x01\"", `tru`, `nul`, `truee`, `NaN`, `[NaN]`, `Infinity`, `-Infinity`, `[1,-Infinity]`,
	`+1`, `01`, `-01`, `1.`, `.5`, `-`, `--1`, `1e`, `1e+`, `1.e3`, `0x10`, `1_000`, `[1 2]`, `[1,2 ,`, `{"a" 1}`, `[1,2]x`, "\x00", "[1,\x00]", "\ufeff1", `'a'`, `/*a*/1`,
}

func TestRight(t *testing.T) {
	for _, text := range right {
		if err := agree([]byte(text)); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestWrong(t *testing.T) {
	for _, text := range wrong {
		if json.Valid([]byte(text)) {
			t.Errorf("%q is right", text)
		}
		_, err := Parse([]byte(text), DefaultLimits())
		var e *engine.Error
		if !errors.As(err, &e) || e.Code != engine.Invalid || !strings.HasPrefix(e.Message, "JSON at byte ") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// agree holds a document to encoding/json.
func agree(text []byte) error {
	var want any
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	wantErr := dec.Decode(&want)
	if wantErr == nil && len(bytes.Trim(text[dec.InputOffset():], " \t\r\n")) > 0 {
		wantErr = errors.New("something follows")
	}
	d, err := Parse(text, DefaultLimits())
	if err != nil {
		if wantErr == nil && !stricter(err) {
			return fmt.Errorf("%w, and encoding/json takes it", err)
		}
		return nil
	}
	defer d.Free()
	if wantErr != nil {
		return fmt.Errorf("encoding/json: %w", wantErr)
	}
	return same(tree(d.Root()), want)
}

// stricter tells errors by which this package means to differ.
func stricter(err error) bool {
	for _, s := range []string{"twice", "not UTF-8", "half a character", "nested deeper", "beyond float64", "more than"} {
		if strings.Contains(err.Error(), s) {
			return true
		}
	}
	return false
}

func FuzzParse(f *testing.F) {
	for _, s := range append(right, wrong...) {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := agree(text); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		d, err := Parse(text, Limits{Depth: 5, Values: 20})
		if err != nil {
			return
		}
		visit(d.Root())
		d.Free()
	})
}

// visit calls what must not panic.
func visit(v Value) {
	v.Path()
	v.Shape()
	v.Fill(tensor.New(dtype.Int32, shape.Of(2)))
	for _, i := range v.Items() {
		visit(i)
	}
	for _, m := range v.Members() {
		visit(m)
	}
}

func TestMessages(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{`{"inputs":[{"data":[1,2,NaN]}]}`, `JSON at byte 24: inputs[0].data[2]: JSON has no NaN; leave out what is missing, or send null`},
		{`{"inputs":[1,{"a b":-Infinity}]}`, `JSON at byte 20: inputs[1]["a b"]: JSON has no -Infinity; leave out what is missing, or send null`},
		{`{"a":1,"b":{"c":1,"c":2}}`, `JSON at byte 23: b: an object has the key c twice`},
		{`{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7,"h":8,"i":9,"j":10,"b":11}`, `JSON at byte 68: an object has the key b twice`},
		{`[1,2`, `JSON at byte 4: [1]: want , or ] after a value, got the end`},
		{`[[1,2],[3,x]]`, `JSON at byte 10: [1][1]: want a value, got "x"`},
		{"{\"a\":\"\xff\"}", `JSON at byte 6: a: a string is not UTF-8`},
		{`["\ud800x"]`, `JSON at byte 2: [0]: an escape stands for half a character; both halves must come`},
		{`[1e400]`, `JSON at byte 1: [0]: the number is beyond float64: "1e400"`},
		{`{"` + strings.Repeat("k", 100) + `":x}`, `JSON at byte 104: ` + strings.Repeat("k", 40) + `...: want a value, got "x"`},
		{`[007]`, `JSON at byte 1: [0]: a number begins with a 0 too many: "007"`},
		{`{"a":1} {`, `JSON at byte 8: something follows the end of the document: "{"`},
	} {
		if _, err := Parse([]byte(c.text), DefaultLimits()); err == nil || err.Error() != c.want {
			t.Errorf("%s:\n got %v\nwant %s", c.text, err, c.want)
		}
	}
}

func parse(t testing.TB, text string) Value {
	t.Helper()
	d, err := Parse([]byte(text), DefaultLimits())
	if err != nil {
		t.Fatalf("%.100s: %v", text, err)
	}
	return d.Root()
}

func TestNumbers(t *testing.T) {
	v := parse(t, `{"a":[[[1,2],[3,4]],[[5,6],[7,8.5]]],"b":[[1],[2,3]],"c":[],"d":[[],[]],"e":7}`)
	a, _ := v.Get("a")
	dims, nums, ok := a.Numbers()
	if !ok || fmt.Sprint(dims, nums) != "[2 2 2] [1 2 3 4 5 6 7 8.5]" {
		t.Errorf("a: %v %v %v", dims, nums, ok)
	}
	for i, row := range a.Items() {
		if dims, nums, ok := row.Numbers(); i == 1 && (!ok || fmt.Sprint(dims, nums) != "[2 2] [5 6 7 8.5]") {
			t.Errorf("a[1]: %v %v %v", dims, nums, ok)
		}
		for j, inner := range row.Items() {
			for k, x := range inner.Items() {
				if want := float64(4*i + 2*j + k + 1); x.Kind() != Number || math.Floor(x.Float()) != want {
					t.Errorf("a[%d][%d][%d] is %v", i, j, k, x.Float())
				}
				if want := fmt.Sprintf("a[%d][%d][%d]", i, j, k); x.Path() != want {
					t.Errorf("path %s, want %s", x.Path(), want)
				}
			}
		}
	}
	b, _ := v.Get("b")
	if _, _, ok := b.Numbers(); ok || b.Len() != 2 {
		t.Error("b is not regular")
	}
	if _, err := b.Shape(); err == nil || err.Error() != "b[1]: has shape [2], want [1] as the one before; arrays must be nested regularly" {
		t.Error(err)
	}
	c, _ := v.Get("c")
	if dims, _, ok := c.Numbers(); !ok || fmt.Sprint(dims) != "[0]" {
		t.Error("c", dims, ok)
	}
	d, _ := v.Get("d")
	if dims, _, ok := d.Numbers(); !ok || fmt.Sprint(dims) != "[2 0]" {
		t.Error("d", dims, ok)
	}
	e, _ := v.Get("e")
	if _, _, ok := e.Numbers(); ok || e.Float() != 7 || e.Path() != "e" {
		t.Error("e")
	}
	if _, ok := v.Get("f"); ok {
		t.Error("f is there")
	}
}

func TestFill(t *testing.T) {
	for _, c := range []struct {
		text string
		dt   dtype.DType
		n    int
		want string // the tensor, or the error
	}{
		{`[1,2.5,-3]`, dtype.Float32, 3, `[1,2.5,-3]`},
		{`[[1,2],[3,4]]`, dtype.Float64, 4, `[1,2,3,4]`},
		{`[[true],[false]]`, dtype.Bool, 2, `[true,false]`},
		{`[1,0]`, dtype.Bool, 2, `[true,false]`},
		{`[2]`, dtype.Bool, 1, `[0]: 2 is no bool`},
		{`[true]`, dtype.Int32, 1, `[0]: want a number, got a boolean`},
		{`["a"]`, dtype.Bool, 1, `[0]: want a boolean, got a string`},
		{`5`, dtype.Int64, 1, `[5]`},
		{`[9007199254740993,-9223372036854775808,1.0]`, dtype.Int64, 3, `[9007199254740993,-9223372036854775808,1]`},
		{`[18446744073709551615]`, dtype.Uint64, 1, `[18446744073709551615]`},
		{`[18446744073709551616]`, dtype.Uint64, 1, `[0]: 18446744073709552000 is no u64`},
		{`[9223372036854775808]`, dtype.Int64, 1, `[0]: 9223372036854775808 is no i64`},
		{`[-1]`, dtype.Uint64, 1, `[0]: -1 is no u64`},
		{`[1,255,256]`, dtype.Uint8, 3, `[2]: 256 is no u8`},
		{`[1,255,0]`, dtype.Uint8, 3, `[1,255,0]`},
		{`[0.5]`, dtype.Uint8, 1, `[0]: 0.5 is no u8`},
		{`[[1],[0.5]]`, dtype.Int32, 2, `[1][0]: 0.5 is no i32`},
		{`[2147483648]`, dtype.Int32, 1, `[0]: 2147483648 is no i32`},
		{`[4294967296]`, dtype.Uint32, 1, `[0]: 4294967296 is no u32`},
		{`[1e39]`, dtype.Float32, 1, `[0]: 1e+39 is no f32`},
		{`[70000]`, dtype.Float16, 1, `[0]: 70000 is no f16`},
		{`[1.5]`, dtype.BFloat16, 1, `[1.5]`},
		{`[1,null]`, dtype.Float32, 2, `[1]: want a number, got null`},
		{`[1,2,3]`, dtype.Float32, 2, `holds 3 values, want 2`},
		{`[1,[2,[3]]]`, dtype.Float32, 3, `[1,2,3]`},
	} {
		x := tensor.New(c.dt, shape.Of(c.n))
		err := parse(t, c.text).Fill(x)
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			b, err := AppendFlat(nil, x)
			got = string(b)
			if err != nil {
				t.Error(err)
			}
		}
		if got != c.want {
			t.Errorf("%s as %v: got %s, want %s", c.text, c.dt, got, c.want)
		}
	}
}

func TestSecurityRow19Nesting(t *testing.T) {
	for _, open := range []string{"[", `{"a":`, `[{"a":`, "[1,"} {
		text := []byte(strings.Repeat(open, 100_000))
		start := time.Now()
		_, err := Parse(text, DefaultLimits())
		if err == nil || !strings.Contains(err.Error(), "nested deeper than 64") || engine.AsError(err).Code.HTTP() != 400 {
			t.Errorf("%s: %v", open, err)
		}
		if took := time.Since(start); took > time.Second {
			t.Errorf("%s took %v", open, took)
		}
	}
	deep := strings.Repeat("[", 64) + strings.Repeat("]", 64)
	parse(t, deep)
	if _, err := Parse([]byte("["+deep+"]"), DefaultLimits()); err == nil {
		t.Error("65 levels are taken")
	}
	// A limit above what a node can tell is the most that it can tell.
	deep = strings.Repeat("[", 300) + strings.Repeat("]", 300)
	if _, err := Parse([]byte(deep), Limits{Depth: 1000, Values: 1000}); err == nil {
		t.Error("300 levels are taken")
	}
}

func TestSecurityRow23Numbers(t *testing.T) {
	for _, text := range []string{"NaN", "-NaN", "Infinity", "-Infinity", "1e309", "-1e309", "1e99999999999999999999", "nan", "inf"} {
		for _, around := range []string{"%s", "[%s]", "[1,2,%s]", `{"a":%s}`, `[[1],[%s]]`, `["a",%s]`} {
			if _, err := Parse(fmt.Appendf(nil, around, text), DefaultLimits()); engine.AsError(err).Code != engine.Invalid {
				t.Errorf("%s in %s: %v", text, around, err)
			}
		}
	}
	// What can be told as a number is no integer that it is not.
	for _, text := range []string{"1e308", "18446744073709551616", "-1e30", "0.5", "-0.5", "1e-300", "99999999999999999999999"} {
		v := parse(t, text)
		if i, ok := v.Int(); ok {
			t.Errorf("%s is the int64 %d", text, i)
		}
		if u, ok := v.Uint(); ok {
			t.Errorf("%s is the uint64 %d", text, u)
		}
	}
	if _, ok := parse(t, "-1").Uint(); ok {
		t.Error("-1 is a uint64")
	}
}

// TestMemory reads texts that make as much of themselves as they can.
func TestMemory(t *testing.T) {
	const size = 4 << 20
	fill := func(before, unit, after string) string {
		return before + strings.Repeat(unit, (size-len(before)-len(after))/len(unit)) + after
	}
	for name, c := range map[string]struct {
		text string
		most float64 // allocated, in multiples of the text
	}{
		"numbers":      {fill("[", "1,", "1]"), 5},
		"decimals":     {fill("[", "0.1234,", "1]"), 2},
		"rows":         {fill("[", "[1,2,3,4,5,6,7,8],", "[1,2,3,4,5,6,7,8]]"), 6},
		"single rows":  {fill("[", "[1],", "[1]]"), 16},
		"empty rows":   {fill("[", "[],", "[]]"), 16},
		"mixed":        {fill(`["a",`, "1,", "1]"), 17},
		"mixed at end": {fill("[", "1,", `"a"]`), 21},
		"strings":      {fill("[", `"",`, `""]`), 12},
		"escapes":      {fill(`"`, `\n`, `"`), 6},
		"objects":      {fill("[", `{"":0},`, `{"":0}]`), 16},
		"big":          {fill("[", "9007199254740993,", "1]"), 5},
	} {
		limits := Limits{Depth: 64, Values: size}
		src := []byte(c.text)
		var before, after runtime.MemStats
		runtime.GC()
		runtime.GC() // the pool forgets
		runtime.ReadMemStats(&before)
		if _, err := Parse(src, limits); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		runtime.ReadMemStats(&after)
		if got := float64(after.TotalAlloc-before.TotalAlloc) / float64(len(src)); got > c.most {
			t.Errorf("%s: allocates %.1f times the text, want at most %v", name, got, c.most)
		}
	}
	_, err := Parse([]byte(fill("[", `"",`, `""]`)), Limits{Depth: 64, Values: 1000})
	if e := engine.AsError(err); e.Code != engine.TooLarge || !strings.Contains(e.Message, "more than 1000 values") {
		t.Error(err)
	}
}

// TestManyKeys would take hours if keys were compared with each other.
func TestManyKeys(t *testing.T) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i := range 200_000 {
		fmt.Fprintf(&b, `"k%d":1,`, i)
	}
	b.WriteString(`"k":1}`)
	if n := parse(t, b.String()).Len(); n != 200_001 {
		t.Error(n)
	}
}

func TestAppend(t *testing.T) {
	for _, x := range []float32{0, 1, -1, 0.1, 1e-7, 1e20, 1e21, 3.4028235e38, 1e-45, 16777216, float32(math.Copysign(0, -1))} {
		b, err := AppendFloat32(nil, x)
		back, _ := strconv.ParseFloat(string(b), 32)
		if err != nil || !json.Valid(b) || math.Float32bits(float32(back)) != math.Float32bits(x) {
			t.Errorf("%v is written %s, %v", x, b, err)
		}
	}
	for _, x := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		if _, err := AppendFloat64(nil, x); engine.AsError(err).Code != engine.Internal {
			t.Errorf("%v: %v", x, err)
		}
		if _, err := AppendFloat32(nil, float32(x)); engine.AsError(err).Code != engine.Internal {
			t.Errorf("%v: %v", x, err)
		}
	}
	x := tensor.Must(tensor.Of([]float32{1, 2, 3, 4.5}, 2, 1, 2))
	if b, err := AppendTensor(nil, x); string(b) != "[[[1,2]],[[3,4.5]]]" || err != nil {
		t.Error(string(b), err)
	}
	if b, err := AppendTensor(nil, tensor.Scalar(uint64(math.MaxUint64))); string(b) != "18446744073709551615" || err != nil {
		t.Error(string(b), err)
	}
	if b, err := AppendFlat(nil, tensor.New(dtype.Bool, shape.Of(2, 0))); string(b) != "[]" || err != nil {
		t.Error(string(b), err)
	}
}

func FuzzAppendString(f *testing.F) {
	for _, s := range []string{"", "a", "\x00\x1f\"\\/\n", "ä€😀\u2028", "\xff\xc3", "a\xe2\x82"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		b := AppendString(nil, s)
		var got string
		if err := json.Unmarshal(b, &got); err != nil {
			t.Fatalf("%q: %s: %v", s, b, err)
		}
		if got != string([]rune(s)) {
			t.Fatalf("%q is read back as %q", s, got)
		}
		if v := parse(t, string(b)); v.Text() != got {
			t.Fatalf("%q is parsed as %q", b, v.Text())
		}
		if c := AppendString(nil, []byte(s)); !bytes.Equal(b, c) {
			t.Fatalf("%s and %s", b, c)
		}
	})
}

// requests are some of the Open Inference Protocol for digits, all different so
// that a processor can't learn by heart how long the numbers are.
func requests(datatype string) [][]byte {
	r := rand.New(rand.NewPCG(1, 1))
	list := make([][]byte, 64)
	for k := range list {
		b := []byte(`{"inputs":[{"name":"image","shape":[1,1,28,28],"datatype":"` + datatype + `","data":[`)
		for i := range 784 {
			if i > 0 {
				b = append(b, ',')
			}
			p := r.IntN(256)
			if datatype == "UINT8" {
				b = AppendInt(b, int64(p))
			} else {
				b, _ = AppendFloat32(b, (float32(p)/255-0.1307)/0.3081)
			}
		}
		list[k] = append(b, "]}]}"...)
	}
	return list
}

func BenchmarkParse(b *testing.B) {
	for _, datatype := range []string{"FP32", "UINT8"} {
		b.Run(datatype, func(b *testing.B) {
			list := requests(datatype)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				d, err := Parse(list[i%len(list)], DefaultLimits())
				if err != nil {
					b.Fatal(err)
				}
				d.Free()
			}
		})
	}
}

func BenchmarkEncodingJSON(b *testing.B) {
	text := requests("FP32")[0]
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		var r struct {
			Inputs []struct {
				Name, Datatype string
				Shape          []int
				Data           []float64
			}
		}
		if err := json.Unmarshal(text, &r); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseString(b *testing.B) {
	text := []byte(`{"b64":"` + strings.Repeat("QUJD", 10_000) + `"}`)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		d, err := Parse(text, DefaultLimits())
		if err != nil {
			b.Fatal(err)
		}
		d.Free()
	}
}

func BenchmarkAppendTensor(b *testing.B) {
	x := tensor.New(dtype.Float32, shape.Of(1, 10))
	for i := range x.F32() {
		x.F32()[i] = 1 / float32(i+3)
	}
	var dst []byte
	for b.Loop() {
		dst, _ = AppendTensor(dst[:0], x)
	}
}
