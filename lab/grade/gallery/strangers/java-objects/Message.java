import java.io.Serializable;

public class Message implements Serializable {
    private static final long serialVersionUID = 1L;

    public enum Type { REGISTER, DATA, TERMINATE }

    public final Type type;
    public final String role;
    public final String body;

    public Message(Type type, String role, String body) {
        this.type = type;
        this.role = role;
        this.body = body;
    }

    @Override
    public String toString() {
        return role + ": " + body;
    }
}
