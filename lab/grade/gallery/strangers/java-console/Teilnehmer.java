import java.io.*;
import java.net.*;

public class Teilnehmer {
    public static void main(String[] args) throws Exception {
        Console konsole = System.console();
        if (konsole == null) {
            System.err.println("Bitte in einem Terminal starten.");
            System.exit(3);
        }
        try (Socket s = new Socket(args[0], Integer.parseInt(args[1]))) {
            BufferedReader ein = new BufferedReader(new InputStreamReader(s.getInputStream(), "UTF-8"));
            PrintStream aus = new PrintStream(s.getOutputStream(), true, "UTF-8");
            ein.readLine(); // Rolle?
            String rolle = konsole.readLine("Rolle (publisher/subscriber): ");
            aus.println(rolle);
            konsole.printf("%s%n", ein.readLine());
            Thread leser = new Thread(() -> {
                try {
                    String z;
                    while ((z = ein.readLine()) != null) System.out.println(z);
                    System.out.println("Der Server ist weg.");
                } catch (IOException e) { /* Ende */ }
            });
            leser.setDaemon(true);
            leser.start();
            String zeile;
            while ((zeile = konsole.readLine()) != null) {
                aus.println(zeile);
                if (zeile.equals("terminate")) break;
            }
        }
        konsole.printf("Tschüss!%n");
    }
}
