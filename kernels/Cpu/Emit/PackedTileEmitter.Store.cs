using DistillEngine.Core;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace DistillEngine.Kernels;

/// <summary>What follows the loop over the inputs: sums are scaled and stored.</summary>
sealed partial class PackedTileEmitter
{
    static Register Y => W;

    static Register Stride => Ahead;

    void Finish()
    {
        // The pointers of the loop are used up.
        Register rowScales = X;
        LoadArgument(rowScales, PackedTileCall.AtRowScales);
        if (_format.Form == WeightForm.Int8) LoadArgument(Other, PackedTileCall.AtScales);
        for (int v = 0; v < _format.Vectors; v++) Scale(v, rowScales);
        LoadArgument(Y, PackedTileCall.AtY);
        LoadArgument(Stride, PackedTileCall.AtStrideBytes);
        if (_format.HasMaskRegisters)
        {
            for (int v = 0; v < _format.Vectors; v++) Put(Instruction.Create(Code.VEX_Kmovw_kr_km16, Register.K1 + v, At(Call, PackedTileCall.AtMasks + v * sizeof(ushort))));
            StoreOrAdd(masks: true);
            return;
        }
        // Masked stores are slow on some processors, so that whole tiles do without.
        Label masked = _code.CreateLabel();
        if (_format.Outputs == PackedWeight.GroupOutputs) _code.cmp(__dword_ptr[rax + PackedTileCall.AtMasks], -1);
        else _code.cmp(__word_ptr[rax + PackedTileCall.AtMasks], -1);
        _code.jne(masked);
        StoreOrAdd(masks: false);
        _code.Label(ref masked);
        StoreOrAdd(masks: true);
    }

    /// <summary>Sums of whole numbers become float32.</summary>
    void Scale(int vector, Register rowScales)
    {
        if (_format.Form is WeightForm.PackedF32 or WeightForm.BF16) return;
        Register scales = Vector(0), factor = Vector(1);
        if (_format.Form == WeightForm.Int8) Load(scales, Other, vector * _format.VectorBytes);
        for (int row = 0; row < _rows; row++)
        {
            Register sum = Sum(row, vector);
            Broadcast(factor, rowScales, row * sizeof(float));
            if (_format.Form == WeightForm.Int8)
            {
                Put(Instruction.Create(_format.Multiply, factor, factor, scales));
                Put(Instruction.Create(_format.ToFloat, sum, sum));
            }
            Put(Instruction.Create(_format.Multiply, sum, sum, factor));
        }
    }

    void StoreOrAdd(bool masks)
    {
        Label add = _code.CreateLabel();
        _code.cmp(Argument(PackedTileCall.AtAdd), 0);
        _code.jne(add);
        Store(adds: false, masks);
        _code.Label(ref add);
        Store(adds: true, masks);
    }

    void Store(bool adds, bool masks)
    {
        for (int row = 0; row < _rows; row++)
        {
            for (int v = 0; v < _format.Vectors; v++) Store(Sum(row, v), v, adds, masks);
            if (row + 1 < _rows) Put(Instruction.Create(Code.Add_rm64_r64, Y, Stride));
        }
        if (SavesRegisters) SavedVectors.Restore(_code);
        // Else SSE code that runs next would wait for the upper halves at every instruction.
        _code.vzeroupper();
        _code.ret();
    }

    void Store(Register sum, int v, bool adds, bool masks)
    {
        MemoryOperand place = At(Y, v * _format.VectorBytes);
        Register old = Vector(2), mask = Vector(0);
        bool masksLanes = masks && !_format.HasMaskRegisters;
        if (masksLanes) Load(mask, Call, PackedTileCall.AtLaneMasks + v * _format.VectorBytes);
        if (adds)
        {
            Instruction load = masksLanes
                ? Instruction.Create(Code.VEX_Vmaskmovps_ymm_ymm_m256, old, mask, place)
                : Instruction.Create(_format.Load, old, place);
            if (_format.HasMaskRegisters) (load.OpMask, load.ZeroingMasking) = (Register.K1 + v, true);
            Put(load);
            Put(Instruction.Create(_format.Add, sum, sum, old));
        }
        Instruction store = masksLanes ? Instruction.Create(Code.VEX_Vmaskmovps_m256_ymm_ymm, place, mask, sum) : Instruction.Create(_format.Store, place, sum);
        if (_format.HasMaskRegisters) store.OpMask = Register.K1 + v;
        Put(store);
    }
}
