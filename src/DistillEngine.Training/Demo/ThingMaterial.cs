namespace DistillEngine.Training.Demo;

/// <summary>What most of a thing, or the part that makes it that thing, is made of.</summary>
public enum ThingMaterial
{
    Wood,
    Metal,
    Glass,
    Cloth,
    Paper,
    Stone,
}
